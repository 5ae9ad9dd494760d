// What there is once for a server, whichever of its processes a request reaches: limits, events, figures, health, keys.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startSink } from '../support/event-sink.ts';
import { childrenOf } from '../support/processes.ts';
import type { RegistryClient } from '../support/registry-client.ts';
import { makeImage } from '../support/sample-image.ts';
import { freePort, temporaryDirectory } from '../support/service.ts';
import { linesToEach, startSeveral } from './several-processes.ts';

const WORKERS = 3;
const LOOK_MS = 20;
/** `right`, at the least cost there is. */
const HASH = '$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC';

test('more processes give no more tries to whoever guesses, also when one of them has died', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'htpasswd');
  await writeFile(path, `alice:${HASH}\n`);
  const auth = { htpasswd: { realm: 'r', path }, failedlogins: { peraccount: 6, peraddress: 1000 } };
  const server = await startSeveral(t, WORKERS, { auth });
  const clients = (await linesToEach(t, server)).map(({ client }) => client);
  const guess = async (client: RegistryClient, count: number) => {
    const authorization = `Basic ${Buffer.from(`alice:guess ${count}`).toString('base64')}`;
    return (await client.send('GET', '/v2/', { headers: { authorization } })).status;
  };
  const statuses: number[] = [];
  for (let count = 0; count < 12; count += 1) {
    for (const client of clients.slice(count % WORKERS, (count % WORKERS) + 1))
      statuses.push(await guess(client, count));
  }
  assert.deepEqual(statuses, [...Array(6).fill(401), ...Array(6).fill(429)]);
  const [victim = 0] = await childrenOf(server.pid);
  process.kill(victim, 'SIGKILL');
  await untilReplaced(server.pid, victim);
  for (const { client } of await linesToEach(t, server)) assert.equal(await guess(client, 99), 429);
});

test('a client has one number of uploads that it may have open, in all processes together', async (t) => {
  const server = await startSeveral(t, WORKERS, { http: { openuploads: 4 } });
  const clients = (await linesToEach(t, server)).map(({ client }) => client);
  const at = (number: number) => clients[number % WORKERS] ?? assert.fail('there is no such worker');
  const begin = async (number: number) => {
    const answer = await at(number).send('POST', '/v2/app/blobs/uploads/');
    return { status: answer.status, location: answer.headers.get('location') ?? '' };
  };
  const begun = [];
  for (let number = 0; number < 6; number += 1) begun.push(await begin(number));
  assert.deepEqual(
    begun.map(({ status }) => status),
    [202, 202, 202, 202, 429, 429],
  );
  // Given up elsewhere than where it was begun.
  assert.equal((await at(1).send('DELETE', begun[0]?.location ?? '')).status, 204);
  await untilItIs(async () => (await begin(2)).status === 202);
  assert.equal((await begin(0)).status, 429);
});

test('events of all processes are kept in one queue and told in their order, also those of one that has died', async (t) => {
  const port = await freePort();
  const endpoints = [{ name: 'sink', url: `http://127.0.0.1:${port}/`, backoff: '50ms', timeout: '5s' }];
  const server = await startSeveral(t, WORKERS, { notifications: { durability: 'strict', endpoints } });
  const lines = await linesToEach(t, server);
  const image = makeImage('told');
  const tags = Array.from({ length: 9 }, (_, number) => `tag-${number}`);
  for (const [number, tag] of tags.entries()) {
    await lines[number % WORKERS]?.client.pushImage('app', image, tag);
  }
  process.kill(lines[0]?.worker ?? 0, 'SIGKILL');
  // Nobody was there to be told until now.
  const sink = await startSink(t, undefined, port);
  const told = () =>
    sink
      .events()
      .flatMap(({ action, target }) => (action === 'push' && target['tag'] ? [target['tag']] : []));
  await untilItIs(() => told().length >= tags.length);
  assert.deepEqual(told(), tags);
});

test('the figures are those of all processes, and none is forgotten when one has died', async (t) => {
  const debugPort = await freePort();
  const debug = { addr: `127.0.0.1:${debugPort}`, prometheus: { enabled: true } };
  const server = await startSeveral(t, WORKERS, { http: { debug } });
  const figures = async () => (await fetch(`http://127.0.0.1:${debugPort}/metrics`)).text();
  const tagLists = async () =>
    Number(
      /^registry_http_requests_total\{handler="tags",code="404",method="get"\} (\d+)$/m.exec(
        await figures(),
      )?.[1],
    );
  const lines = await linesToEach(t, server);
  for (const { client } of lines)
    for (let count = 0; count < 5; count += 1) await client.send('GET', '/v2/none/tags/list');
  assert.equal(await tagLists(), 5 * WORKERS);
  const beginnings = async () => (await figures()).match(/^process_start_time_seconds \d.*$/gm);
  const began = await beginnings();
  assert.equal(began?.length, 1);
  const [begun] = lines;
  await begun?.client.startUpload('app');
  await untilItIs(async () => /^berth_uploads_open 1$/m.test(await figures()));
  process.kill(begun?.worker ?? 0, 'SIGKILL');
  await untilReplaced(server.pid, begun?.worker ?? 0);
  assert.equal(await tagLists(), 5 * WORKERS);
  for (const { client } of await linesToEach(t, server)) await client.send('GET', '/v2/none/tags/list');
  assert.equal(await tagLists(), 6 * WORKERS);
  assert.deepEqual(await beginnings(), began, 'it is the same server still');
  assert.equal((await fetch(`http://127.0.0.1:${debugPort}/debug/ready`)).status, 200);
});

test('a health check that fails is known to all processes, and to one that begins later', async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'out-of-service');
  const server = await startSeveral(t, WORKERS, {
    health: { file: [{ file, interval: '1s', threshold: 1 }] },
  });
  const lines = await linesToEach(t, server);
  const statuses = () =>
    Promise.all(lines.map(async ({ client }) => (await client.send('GET', '/v2/')).status));
  assert.deepEqual(await statuses(), [200, 200, 200]);
  await writeFile(file, '');
  await untilItIs(async () => (await statuses()).every((status) => status === 503));
  process.kill(lines[0]?.worker ?? 0, 'SIGKILL');
  await untilReplaced(server.pid, lines[0]?.worker ?? 0);
  for (const { client } of await linesToEach(t, server))
    assert.equal((await client.send('GET', '/v2/')).status, 503);
  assert.equal(server.output().match(/"msg":"unhealthy"/g)?.length, 1);
  await rm(file);
});

test('accounts begin with one administrator, who is shown once, and one key', async (t) => {
  const server = await startSeveral(t, WORKERS, { auth: { berth: {} } });
  const password = /docker login -u admin -p (\S+)/.exec(server.output())?.[1];
  assert.equal(server.output().match(/docker login -u admin/g)?.length, 1);
  const authorization = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`;
  for (const { client } of await linesToEach(t, server)) {
    assert.equal((await client.send('GET', '/v2/_catalog', { headers: { authorization } })).status, 200);
    const answer = await client.send('GET', '/auth/jwks');
    if (answer.status === 200) assert.equal(Reflect.get(Object(await answer.json()), 'keys').length, 1);
  }
});

async function untilReplaced(pid: number, victim: number): Promise<void> {
  await untilItIs(async () => {
    const pids = await childrenOf(pid);
    return pids.length === WORKERS && !pids.includes(victim);
  });
}

/** However long that takes; a test that waits for ever is ended from outside. */
async function untilItIs(isIt: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isIt())) await sleep(LOOK_MS);
}
