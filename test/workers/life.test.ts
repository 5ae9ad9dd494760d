// The processes of a server: what the death of one of them costs, and how all of them begin and end together.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { berth, run, runToEnd } from '../process/berth-process.ts';
import { childrenOf } from '../support/processes.ts';
import { createRegistryClient } from '../support/registry-client.ts';
import { makeImage } from '../support/sample-image.ts';
import { freePort, temporaryDirectory } from '../support/service.ts';

const UP = 'Berth is up';
const LOOK_MS = 10;

test('a worker that dies is told of and replaced, and the others answer meanwhile', async (t) => {
  const { server, client } = await start(t);
  await client.pushImage('app', makeImage('kept'), 'kept');
  const before = await childrenOf(server.pid);
  assert.equal(before.length, 2);
  const [victim = 0, survivor = 0] = before;
  process.kill(victim, 'SIGKILL');
  await server.printed('a worker has died; another one takes its place');
  const workers = await untilThereAre(server.pid, 2, (pids) => !pids.includes(victim));
  assert.ok(workers.includes(survivor));
  for (let count = 0; count < 20; count += 1) await client.getManifest('app', 'kept');
  await client.pushImage('app', makeImage('more'), 'more');
  server.kill('SIGTERM');
  assert.equal(await server.exited, 0, server.stderr());
  assert.equal(server.stderr(), '');
});

test('a primary that is killed takes its workers with it, and the next start on its directory and port is none too early', async (t) => {
  const first = await start(t);
  await first.client.pushImage('app', makeImage('kept'), 'kept');
  const workers = await childrenOf(first.server.pid);
  first.server.kill('SIGKILL');
  await first.server.exited;
  const { server, client } = await start(t, first.environment, first.directory);
  for (const pid of workers) assert.ok(!(await isAtWork(pid)), `${pid} is still there`);
  await client.getManifest('app', 'kept');
  await client.pushImage('app', makeImage('more'), 'more');
  assert.doesNotMatch(server.stdout(), /another server/);
});

test('a signal to a worker ends nothing: the primary says when that is', async (t) => {
  const { server, client } = await start(t);
  const workers = await childrenOf(server.pid);
  for (const pid of workers) for (const signal of ['SIGTERM', 'SIGINT'] as const) process.kill(pid, signal);
  for (let count = 0; count < 20; count += 1) await client.listRepositories();
  assert.deepEqual(await childrenOf(server.pid), workers);
  server.kill('SIGTERM');
  assert.equal(await server.exited, 0, server.stderr());
  const messages = server.stdout().match(/Berth is up|"stopping[^"]*"|"stopped"/g);
  assert.deepEqual(messages, [UP, '"stopping: running transfers may finish"', '"stopped"']);
});

test('what all workers refuse to start with is one line, and the end', async (t) => {
  const directory = await temporaryDirectory(t);
  const taken = createServer().listen(0, '127.0.0.1');
  t.after(() => taken.close());
  await once(taken, 'listening');
  const address = taken.address();
  assert.ok(address !== null && typeof address === 'object');
  const nowhere = join(directory, 'nowhere.pem');
  for (const [environment, message] of [
    [
      { REGISTRY_HTTP_ADDR: `127.0.0.1:${address.port}` },
      /^port \d+ is in use already; .*REGISTRY_HTTP_ADDR.*\n$/,
    ],
    [
      {
        REGISTRY_HTTP_ADDR: '127.0.0.1:0',
        REGISTRY_HTTP_TLS_CERTIFICATE: nowhere,
        REGISTRY_HTTP_TLS_KEY: nowhere,
      },
      /^http\.tls: .*nowhere\.pem cannot be read.*\n$/,
    ],
  ] as const) {
    const { code, stdout, stderr } = await runToEnd(t, [...berth, 'serve'], {
      directory,
      environment: { REGISTRY_HTTP_WORKERS: '3', ...environment },
    });
    assert.equal(code, 1);
    assert.match(stderr, message);
    assert.equal(stdout, '');
  }
});

test('auto is as many as there are cores', async (t) => {
  const { server, client } = await start(t, { REGISTRY_HTTP_WORKERS: 'auto' });
  await client.listRepositories();
  server.kill('SIGTERM');
  assert.equal(await server.exited, 0, server.stderr());
});

test('a worker is not started by hand', async (t) => {
  const { code, stderr } = await runToEnd(t, [...berth, 'worker']);
  assert.equal(code, 1);
  assert.match(stderr, /^berth worker is started by berth serve.*\n$/);
});

test('a worker that is started later has the settings that the primary began with', async (t) => {
  const directory = await temporaryDirectory(t);
  const port = await freePort();
  const file = join(directory, 'config.yml');
  const write = (store: string) =>
    writeFile(
      file,
      `version: 0.1\nstorage: { filesystem: { rootdirectory: ${join(directory, store)} } }\nhttp: { addr: 127.0.0.1:${port}, workers: 2 }\n`,
    );
  await write('first');
  const server = run(t, [...berth, 'serve', file], { environment: { REGISTRY_HTTP_WORKERS: '2' } });
  await server.printed(UP);
  const client = createRegistryClient(`http://127.0.0.1:${port}`);
  await client.pushImage('app', makeImage('kept'), 'kept');
  await write('second');
  const before = await childrenOf(server.pid);
  for (const pid of before) process.kill(pid, 'SIGKILL');
  await untilThereAre(server.pid, 2, (pids) => !pids.some((pid) => before.includes(pid)));
  // While there is none at all, nobody listens.
  while ((await client.send('GET', '/v2/').catch(() => undefined)) === undefined) await sleep(LOOK_MS);
  await client.getManifest('app', 'kept');
});

test('lines of several processes stay whole, however long they are', async (t) => {
  const { server, port } = await start(t, { REGISTRY_HTTP_WORKERS: '3' });
  const long = 'x'.repeat(7_000);
  const asked = 300;
  await Promise.all(
    Array.from({ length: asked }, (_, number) =>
      fetch(`http://127.0.0.1:${port}/v2/${number}/${long}`, { headers: { connection: 'close' } }),
    ),
  );
  server.kill('SIGTERM');
  assert.equal(await server.exited, 0, server.stderr());
  const uris = server
    .stdout()
    .trimEnd()
    .split('\n')
    .map((line) => String(JSON.parse(line)['http.request.uri']));
  const numbers = uris
    .map((uri) => /^\/v2\/(\d+)\/x{7000}$/.exec(uri)?.[1])
    .filter((number) => number !== undefined);
  assert.equal(new Set(numbers).size, asked);
});

async function start(t: TestContext, settings: NodeJS.ProcessEnv = {}, inDirectory?: string) {
  const directory = inDirectory ?? (await temporaryDirectory(t));
  const environment = {
    REGISTRY_HTTP_ADDR: `127.0.0.1:${await freePort()}`,
    REGISTRY_HTTP_WORKERS: '2',
    ...settings,
  };
  const server = run(t, [...berth, 'serve'], { directory, environment });
  await server.printed(UP);
  const port = Number(environment.REGISTRY_HTTP_ADDR.split(':')[1]);
  return { server, directory, environment, port, client: createRegistryClient(`http://127.0.0.1:${port}`) };
}

async function untilThereAre(
  pid: number,
  count: number,
  isIt: (pids: readonly number[]) => boolean,
): Promise<readonly number[]> {
  for (;;) {
    const pids = await childrenOf(pid);
    if (pids.length === count && isIt(pids)) return pids;
    await sleep(LOOK_MS);
  }
}

/** Whether the process runs. One that has ended may be listed until its parent takes notice (proc_pid_stat(5)). */
async function isAtWork(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  return stat !== '' && !/^ [ZX] /.test(stat.slice(stat.lastIndexOf(')') + 1));
}
