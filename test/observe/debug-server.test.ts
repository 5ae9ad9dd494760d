// The address for whoever runs the server: what it answers, and that nothing of it is on the public one.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DebugAddressError, type DebugPages, startDebugServer } from '../../src/observe/debug-server.ts';
import { describeFailure } from '../../src/observe/failure.ts';
import { createReadiness } from '../../src/observe/readiness.ts';
import { DriverError } from '../../storage-drivers/errors.ts';
import { openRegistry } from '../support/app.ts';

const WELL: DebugPages = { failures: () => ({}), unready: async () => ({}) };

async function start(t: TestContext, pages: Partial<DebugPages>): Promise<string> {
  const server = await startDebugServer({ host: '127.0.0.1', port: 0 }, { ...WELL, ...pages });
  t.after(() => server.close());
  return `http://${server.address}`;
}

async function ask(url: string, method = 'GET') {
  const response = await fetch(url, { method });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

test('health is 200 with an empty map, or 503 with what is wrong, as the registry image has it', async (t) => {
  let failures: Record<string, string> = {};
  const base = await start(t, { failures: () => failures });
  const well = await ask(`${base}/debug/health`);
  assert.equal(well.status, 200);
  assert.equal(well.text, '{}');
  assert.equal(well.headers.get('content-type'), 'application/json');
  failures = { storagedriver: 'EIO' };
  const ill = await ask(`${base}/debug/health?x=1`);
  assert.equal(ill.status, 503);
  assert.deepEqual(JSON.parse(ill.text), failures);
  assert.equal((await ask(`${base}/debug/live`)).status, 200, 'alive all the same');
});

test('HEAD has no body, other methods are refused, and other paths are not there', async (t) => {
  const base = await start(t, {});
  const head = await ask(`${base}/debug/health`, 'HEAD');
  assert.equal(head.status, 200);
  assert.equal(head.text, '');
  assert.equal((await ask(`${base}/debug/health`, 'POST')).status, 405);
  for (const path of ['/', '/metrics', '/debug/', '/debug/vars', '/debug/pprof/', '/v2/']) {
    assert.equal((await ask(base + path)).status, 404, path);
  }
});

test('figures that cannot be made are a 500 that says nothing more', async (t) => {
  const page = async () => {
    throw new Error('/var/lib/registry is gone');
  };
  const answer = await ask(`${await start(t, { metrics: { path: '/figures', page } })}/figures`);
  assert.equal(answer.status, 500);
  assert.equal(answer.text, 'failed\n');
});

test('an address that is taken is an error of its own', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  t.after(() => taken.close());
  await once(taken, 'listening');
  const address = taken.address();
  assert.ok(address !== null && typeof address === 'object');
  await assert.rejects(startDebugServer({ host: '127.0.0.1', port: address.port }, WELL), DebugAddressError);
});

test('a server is ready when the store answers, the checks pass and requests are served', async () => {
  let failures = {};
  let reason: string | undefined;
  let store: () => Promise<unknown> = async () => [];
  const unready = createReadiness({
    failures: () => failures,
    lookAtStore: () => store(),
    whyNotServing: () => reason,
    holdsMs: 0,
    limitMs: 20,
  });
  assert.deepEqual(await unready(), {});
  failures = { 'file 0': 'the file exists' };
  assert.deepEqual(await unready(), failures);
  failures = {};
  store = async () => {
    const cause = Object.assign(new Error('/var/lib/registry: no'), { code: 'EACCES' });
    throw new DriverError('denied', { driver: 'filesystem', action: 'list', key: '', cause });
  };
  await sleep(1);
  assert.deepEqual(await unready(), { storage: 'EACCES' });
  store = () => new Promise(() => undefined);
  await sleep(1);
  assert.deepEqual(await unready(), { storage: 'no answer in time' });
  reason = 'is stopping';
  assert.deepEqual(await unready(), { server: 'is stopping' });
});

test('whoever asks often for readiness does not tire the store', async () => {
  let looks = 0;
  const lookAtStore = async () => {
    looks += 1;
  };
  const whyNotServing = () => undefined;
  const unready = createReadiness({ failures: () => ({}), lookAtStore, whyNotServing, holdsMs: 60_000 });
  await Promise.all(Array.from({ length: 50 }, unready));
  await unready();
  assert.equal(looks, 1);
});

test('why something failed is told without paths and addresses', () => {
  const cause = Object.assign(new Error('connect ECONNREFUSED 10.0.0.7:9000'), { code: 'ECONNREFUSED' });
  const error = new DriverError('busy', { driver: 's3', action: 'list', key: 'secret/key', cause });
  assert.equal(describeFailure(error), 'ECONNREFUSED');
  assert.equal(describeFailure(new TypeError('/etc/shadow')), 'TypeError');
  assert.equal(describeFailure('/etc/shadow'), 'failed');
});

test('nothing of it is on the public port', async (t) => {
  const settings = { http: { debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } } };
  const { http } = await openRegistry(t, { settings });
  for (const path of ['/metrics', '/debug/health', '/debug/live', '/debug/ready', '/debug/vars', '/debug/']) {
    await http.get(path).expect(404);
  }
});
