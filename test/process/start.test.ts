// How a server starts: where it finds its settings, and one clear message where it cannot start.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { access, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freePort, temporaryDirectory } from '../support/service.ts';
import { berth, run, runToEnd } from './berth-process.ts';

const UP = 'Berth is up';
const IN_MEMORY = 'version: 0.1\nstorage: { inmemory: {} }\n';
/** Where others have as many processes as BERTH_TEST_WORKERS says. */
const ONE_PROCESS = { REGISTRY_HTTP_WORKERS: '1' };

test('without a configuration file data goes to ./data', async (context) => {
  const { directory, environment, port } = await prepare(context);
  const server = run(context, [...berth, 'serve'], { directory, environment });
  await server.printed(UP);
  await assertAnswers(port);
  assert.ok((await stat(join(directory, 'data'))).isDirectory());
});

test('a configuration file is read, with the command or alone, and REGISTRY_* counts more', async (context) => {
  const { directory, port } = await prepare(context);
  const file = join(directory, 'config.yml');
  const store = join(directory, 'store');
  await writeFile(
    file,
    `version: 0.1\nstorage: { filesystem: { rootdirectory: ${store} } }\nhttp: { addr: 127.0.0.1:1 }\n`,
  );
  const environment = { REGISTRY_HTTP_ADDR: `127.0.0.1:${port}` };
  for (const command of ['serve', undefined]) {
    const words = command === undefined ? [file] : [command, file];
    const server = run(context, [...berth, ...words], { environment });
    await server.printed(UP);
    await assertAnswers(port);
    server.kill('SIGTERM');
    assert.equal(await server.exited, 0, server.stderr());
  }
  await access(join(store, '.berth'));
});

test('npm start takes a configuration file, and passes a signal on', async (context) => {
  const { directory, environment, port } = await prepare(context);
  const file = join(directory, 'config.yml');
  await writeFile(file, IN_MEMORY);
  // Without prestart: packages are not installed anew under the feet of other tests.
  const npm = run(context, ['npm', 'start', '--ignore-scripts', '--', file], {
    environment: { ...environment, ...ONE_PROCESS },
  });
  await npm.printed(UP);
  await assertAnswers(port);
  npm.kill('SIGTERM');
  await npm.printed('"msg":"stopped"');
  await npm.exited;
});

test('REGISTRY_CONFIGURATION_PATH names the configuration file', async (context) => {
  const { directory, environment, port } = await prepare(context);
  const file = join(directory, 'elsewhere.yml');
  await writeFile(file, IN_MEMORY);
  const server = run(context, [...berth, 'serve'], {
    directory,
    environment: { ...environment, ...ONE_PROCESS, REGISTRY_CONFIGURATION_PATH: file },
  });
  await server.printed(UP);
  await assertAnswers(port);
  assert.match(server.stdout(), /memory, until the server stops/);
});

test('it listens on a unix socket', async (context) => {
  const { directory } = await prepare(context);
  const socketPath = join(directory, 'berth.sock');
  const environment = { REGISTRY_HTTP_NET: 'unix', REGISTRY_HTTP_ADDR: socketPath };
  const server = run(context, [...berth, 'serve'], { directory, environment });
  await server.printed(UP);
  const [response] = await once(request({ socketPath, path: '/v2/' }).end(), 'response');
  response.resume();
  assert.equal(response.statusCode, 200);
  server.kill('SIGTERM');
  assert.equal(await server.exited, 0);
  await assert.rejects(access(socketPath), { code: 'ENOENT' });
});

test('a unix socket that a killed server left does not keep the next one from starting', async (context) => {
  const { directory } = await prepare(context);
  const socketPath = join(directory, 'berth.sock');
  const environment = { REGISTRY_HTTP_NET: 'unix', REGISTRY_HTTP_ADDR: socketPath };
  const killed = run(context, [...berth, 'serve'], { directory, environment });
  await killed.printed(UP);
  killed.kill('SIGKILL');
  await killed.exited;
  const next = run(context, [...berth, 'serve'], { directory, environment });
  await next.printed(UP);
});

test('a unix socket that another server listens on is left to it', async (context) => {
  const { directory } = await prepare(context);
  const socketPath = join(directory, 'berth.sock');
  const other = createServer().listen(socketPath);
  await once(other, 'listening');
  context.after(() => void other.close());
  const environment = { REGISTRY_HTTP_NET: 'unix', REGISTRY_HTTP_ADDR: socketPath };
  const ended = await runToEnd(context, [...berth, 'serve'], { directory, environment });
  assertRefusedToStart(ended, /^.*berth\.sock is in use already; .*\n$/);
  await access(socketPath);
});

test('a port that is in use is named in one line', async (context) => {
  const { directory, environment, port } = await prepare(context);
  const other = createServer().listen(port, '127.0.0.1');
  await once(other, 'listening');
  context.after(() => void other.close());
  const ended = await runToEnd(context, [...berth, 'serve'], { directory, environment });
  assertRefusedToStart(ended, new RegExp(`^port ${port} is in use already; .*REGISTRY_HTTP_ADDR.*\n$`));
});

test('a directory that cannot be used is named in one line', async (context) => {
  const { directory, environment } = await prepare(context);
  const store = join(directory, 'file');
  await writeFile(store, '');
  const ended = await runToEnd(context, [...berth, 'serve'], {
    directory,
    environment: { ...environment, REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: store },
  });
  assertRefusedToStart(ended, /^the storage cannot be opened: .*file.*\n$/);
});

test('a configuration with mistakes is refused in one message that names all of them', async (context) => {
  const { directory } = await prepare(context);
  const file = join(directory, 'config.yml');
  await writeFile(file, 'version: 0.1\nhttp: { addr: nowhere, drainime: 3s }\n');
  for (const command of ['serve', 'check-config']) {
    const ended = await runToEnd(context, [...berth, command, file]);
    assertRefusedToStart(ended, /http\.addr.*drainime|drainime.*http\.addr/s);
  }
});

test('a configuration file that is not there is named', async (context) => {
  const ended = await runToEnd(context, [...berth, 'serve', '/nowhere/config.yml']);
  assertRefusedToStart(ended, /^The configuration has a problem:\n {2}\/nowhere\/config\.yml: .*\n$/);
});

test('check-config says that a configuration is in order, and runs nothing', async (context) => {
  const { directory } = await prepare(context);
  const file = join(directory, 'config.yml');
  const store = join(directory, 'store');
  await writeFile(file, `version: 0.1\nstorage: { filesystem: { rootdirectory: ${store} } }\n`);
  const { code, stdout, stderr } = await runToEnd(context, [...berth, 'check-config', file]);
  assert.deepEqual(
    { code, stdout, stderr },
    { code: 0, stdout: 'The configuration is in order.\n', stderr: '' },
  );
  await assert.rejects(access(store), { code: 'ENOENT' });
});

test('an unknown command is refused with what there is', async (context) => {
  for (const words of [[], ['launch']]) {
    const { code, stderr } = await runToEnd(context, [...berth, ...words]);
    assert.equal(code, 1);
    assert.match(stderr, /serve \[config\.yml\]/);
  }
  const { code, stdout } = await runToEnd(context, [...berth, '--help']);
  assert.equal(code, 0);
  assert.match(stdout, /check-config/);
});

async function prepare(context: TestContext) {
  const directory = await temporaryDirectory(context);
  const port = await freePort();
  return { directory, port, environment: { REGISTRY_HTTP_ADDR: `127.0.0.1:${port}` } };
}

async function assertAnswers(port: number): Promise<void> {
  assert.equal((await fetch(`http://127.0.0.1:${port}/v2/`)).status, 200);
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function assertRefusedToStart({ code, stdout, stderr }: Ended, message: RegExp): void {
  assert.equal(code, 1, stderr);
  assert.match(stderr, message);
  assert.doesNotMatch(stderr, /\n\s+at /, 'there is a stack trace');
  assert.doesNotMatch(stdout, /"level":"error"/);
}
