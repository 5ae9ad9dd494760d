// Answers that are given again without asking the store for more than whether anything has changed.
import assert from 'node:assert/strict';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Digest } from '../../src/registry/digest.ts';
import { blobData } from '../../src/registry/layout.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { createFilesystemDriver } from '../../storage-drivers/filesystem/filesystem-driver.ts';
import { basic, openWithAccounts, tokenFor } from '../support/access.ts';
import { assertRefused, bytesOf } from '../support/answers.ts';
import { type Http, openRegistry, type TestRegistry, type TestRegistryOptions } from '../support/app.ts';
import { blobOf, pushBlob, pushImage } from '../support/content.ts';
import { type SunkEvent, startSink } from '../support/event-sink.ts';
import { exchange, send } from '../support/raw-http.ts';
import { temporaryDirectory } from '../support/service.ts';

/** After so long a change is not fresh any more, and answers are kept. */
const SETTLED_MS = 150;

interface Opened extends TestRegistry {
  readonly directory: string;
  /** What was read of the store since the last time this was asked. */
  reads(): number;
  /** How often it was looked whether something is still so, since the last time this was asked. */
  looks(): number;
}

async function open(t: TestContext, options: TestRegistryOptions = {}, at?: string): Promise<Opened> {
  const directory = at ?? (await temporaryDirectory(t));
  const reads = createCounter();
  const looks = createCounter();
  const driver = await createFilesystemDriver({ rootDirectory: directory });
  const counted: StorageDriver = {
    ...driver,
    read: reads.counted(driver.read),
    stat: reads.counted(driver.stat),
    openRead: reads.counted(driver.openRead),
    list: reads.counted(driver.list),
    sight(key) {
      const holds = driver.sight?.(key);
      return holds && looks.counted(holds);
    },
  };
  const registry = await openRegistry(t, { ...options, driver: counted });
  return { ...registry, directory, reads: reads.seen, looks: looks.seen };
}

function createCounter() {
  let count = 0;
  return {
    counted:
      <Words extends readonly unknown[], Result>(call: (...words: Words) => Result) =>
      (...words: Words): Result => {
        count += 1;
        return call(...words);
      },
    seen() {
      const seen = count;
      count = 0;
      return seen;
    },
  };
}

/** Asks until the answer is kept, and makes sure that it is. */
async function warm({ http, shares, reads }: Opened, path: string) {
  await sleep(SETTLED_MS);
  for (let count = 0; count < 2 * shares; count += 1) await http.get(path).expect(200);
  reads();
  const answer = await http.get(path).expect(200);
  assert.equal(reads(), 0, `${path} is kept`);
  return answer;
}

for (const what of ['a tag', 'a digest', 'a small blob', 'the tags', 'the referrers'] as const) {
  test(`asked for again, ${what} is not read again, and the answer is the same`, async (t) => {
    const registry = await open(t);
    const path = await pathOf(what, registry.http);
    const first = await registry.http.get(path).expect(200);
    const again = await warm(registry, path);
    assert.deepEqual(bytesOf(again), bytesOf(first));
    const ids = [first, again].map(({ headers }) => String(headers['x-request-id']));
    assert.equal(new Set(ids).size, 2);
    const { 'x-request-id': _, date: __, ...headers } = again.headers;
    const { 'x-request-id': ___, date: ____, ...before } = first.headers;
    assert.deepEqual(headers, before);
    const head = await send(registry.port, `HEAD ${path}`);
    assert.equal(head.status, 200);
    assert.equal(head.body.length, 0);
    assert.equal(head.headers['content-length'], first.headers['content-length']);
    assert.equal(registry.reads(), 0);
  });
}

async function pathOf(what: string, http: Http): Promise<string> {
  const { digest, layer } = await pushImage(http, 'app', 'latest');
  switch (what) {
    case 'a tag':
      return '/v2/app/manifests/latest';
    case 'a digest':
      return `/v2/app/manifests/${digest}`;
    case 'a small blob':
      return `/v2/app/blobs/${layer}`;
    case 'the tags':
      return '/v2/app/tags/list?n=5';
    default:
      return `/v2/app/referrers/${digest}`;
  }
}

for (const who of ['here', 'by another process'] as const) {
  describe(`what is changed ${who} is seen by the next request`, () => {
    test('a tag that moves, a tag that comes, a tag and a manifest that go', async (t) => {
      const registry = await open(t);
      const { http } = registry;
      const other = who === 'here' ? http : (await open(t, {}, registry.directory)).http;
      const first = await pushImage(http, 'app', 'latest', { content: 'first' });
      await warm(registry, '/v2/app/manifests/latest');
      await warm(registry, '/v2/app/tags/list');

      const second = await pushImage(other, 'app', 'latest', { content: 'second' });
      const moved = await http.get('/v2/app/manifests/latest').expect(200);
      assert.equal(moved.headers['docker-content-digest'], second.digest);

      await pushImage(other, 'app', 'another', { content: 'first' });
      assert.deepEqual(await tagsOf(http), ['another', 'latest']);
      await warm(registry, '/v2/app/tags/list');
      await warm(registry, '/v2/app/manifests/another');
      await warm(registry, `/v2/app/manifests/${first.digest}`);
      await other.delete('/v2/app/manifests/another').expect(202);
      assertRefused(await http.get('/v2/app/manifests/another'), 404, 'MANIFEST_UNKNOWN');
      assert.deepEqual(await tagsOf(http), ['latest']);
      await other.delete(`/v2/app/manifests/${first.digest}`).expect(202);
      assertRefused(await http.get(`/v2/app/manifests/${first.digest}`), 404, 'MANIFEST_UNKNOWN');

      await warm(registry, '/v2/app/manifests/latest');
      await other.delete(`/v2/app/manifests/${second.digest}`).expect(202);
      assertRefused(await http.get('/v2/app/manifests/latest'), 404, 'MANIFEST_UNKNOWN');
    });

    test('a blob that goes', async (t) => {
      const registry = await open(t);
      const other = who === 'here' ? registry.http : (await open(t, {}, registry.directory)).http;
      const blob = blobOf('a small blob');
      await pushBlob(registry.http, 'app', blob.bytes);
      await warm(registry, `/v2/app/blobs/${blob.digest}`);
      await other.delete(`/v2/app/blobs/${blob.digest}`).expect(202);
      assertRefused(await registry.http.get(`/v2/app/blobs/${blob.digest}`), 404, 'BLOB_UNKNOWN');
    });
  });
}

test('a tag that two processes move all the time is never seen to move back', async (t) => {
  const registry = await open(t);
  const other = await open(t, {}, registry.directory);
  const digests: string[] = [];
  for (let round = 0; round < 40; round += 1) {
    const mover = round % 2 === 0 ? registry : other;
    const { digest } = await pushImage(mover.http, 'app', 'latest', { content: `round ${round}` });
    digests.push(digest);
    if (round % 8 === 0) await sleep(SETTLED_MS);
    for (const { http } of [registry, other, registry, other]) {
      const { headers } = await http.get('/v2/app/manifests/latest').expect(200);
      assert.equal(headers['docker-content-digest'], digest);
    }
  }
  assert.equal(new Set(digests).size, 40);
});

test('requests that come at the same moment are given again after one look for all', async (t) => {
  const registry = await open(t);
  await pushImage(registry.http, 'app', 'latest');
  await warm(registry, '/v2/app/manifests/latest');
  const line = 'GET /v2/app/manifests/latest HTTP/1.1\r\nHost: registry.test\r\n';
  const looksFor = async (requests: number) => {
    registry.looks();
    const lines = [...Array<string>(requests - 1).fill(line), `${line}Connection: close\r\n`];
    const answers = String(await exchange(registry.port, `${lines.join('\r\n')}\r\n`));
    assert.equal(answers.split('HTTP/1.1 200 OK').length - 1, requests);
    return registry.looks();
  };
  for (let count = 0; count < registry.shares; count += 1) await looksFor(1);
  const one = await looksFor(1);
  assert.ok(one > 0);
  assert.ok((await looksFor(10)) <= one * registry.shares);
});

test('bytes that somebody spoils on the disk are not given again', async (t) => {
  const registry = await open(t);
  const blob = blobOf('a small blob');
  await pushBlob(registry.http, 'app', blob.bytes);
  const { digest } = await pushImage(registry.http, 'app', 'latest');
  for (const [path, damaged] of [
    [`/v2/app/blobs/${blob.digest}`, blob.digest],
    ['/v2/app/manifests/latest', digest],
  ] as const) {
    await warm(registry, path);
    const file = join(registry.directory, blobData(damaged as Digest));
    await truncate(file, 1);
    await registry.http.get(path).expect(404);
    await writeFile(file, 'other bytes');
    await registry.http.get(path).expect(404);
  }
});

test('a request with a condition, a range or a body goes the whole way', async (t) => {
  const registry = await open(t);
  const blob = blobOf('a small blob');
  await pushBlob(registry.http, 'app', blob.bytes);
  const path = `/v2/app/blobs/${blob.digest}`;
  await warm(registry, path);
  await registry.http.get(path).set('If-None-Match', `"${blob.digest}"`).expect(304);
  const part = await registry.http.get(path).set('Range', 'bytes=2-6').expect(206);
  assert.equal(String(bytesOf(part)), 'small');
  await registry.http.get(path).set('Range', 'bytes=900-').expect(416);
  await registry.http.post(path).expect(405);
});

test('who may not pull is not given what others were given', async (t) => {
  const registry = await openWithAccounts(t, { driver: await filesystem(t), users: ['alice'] });
  const { http } = registry;
  const path = '/v2/app/tags/list';
  const token = await tokenFor(registry, basic('alice'), 'repository:app:pull,push');
  await http.post('/v2/app/blobs/uploads/').set('Authorization', token).expect(202);
  const blob = blobOf('{}');
  await http
    .post(`/v2/app/blobs/uploads/?digest=${blob.digest}`)
    .set('Authorization', token)
    .send(String(blob.bytes))
    .expect(201);
  await sleep(SETTLED_MS);
  for (let time = 0; time < 3; time += 1) await http.get(path).set('Authorization', token).expect(200);
  await http.get(path).set('Authorization', '').expect(401);
  await http.get(path).set('Authorization', basic('alice', 'wrong')).expect(401);
  await http.get(path).set('Authorization', basic('alice')).expect(200);
  await http
    .get(path)
    .set('Authorization', `${token.slice(0, -8)}AAAAAAAA`)
    .expect(401);
  const other = await tokenFor(registry, basic('alice'), 'repository:other:pull');
  const refused = await http.get(path).set('Authorization', other).expect(401);
  assert.match(refused.headers['www-authenticate'] ?? '', /insufficient_scope/);
});

test('while a health check fails nothing is given again', async (t) => {
  const failing: string[] = [];
  const registry = await open(t, { failingChecks: () => failing });
  await pushImage(registry.http, 'app', 'latest');
  await warm(registry, '/v2/app/manifests/latest');
  failing.push('storage');
  assertRefused(await registry.http.get('/v2/app/manifests/latest'), 503, 'UNAVAILABLE');
});

test('what is given again is logged and told like any other pull', async (t) => {
  const sink = await startSink(t);
  const endpoints = [{ name: 'sink', url: sink.url }];
  const registry = await open(t, { settings: { notifications: { endpoints } } });
  const { digest } = await pushImage(registry.http, 'app', 'latest');
  await warm(registry, '/v2/app/manifests/latest');
  const answer = await registry.http.get('/v2/app/manifests/latest').expect(200);
  const id = answer.headers['x-request-id'];
  const isIts = ({ request }: SunkEvent) => request['id'] === id;
  for (let count = 1; !sink.events().some(isIts); count += 1) await sink.receives(count);
  const event = sink.events().find(isIts);
  assert.equal(event?.action, 'pull');
  assert.equal(event?.target['digest'], digest);
  assert.equal(event?.target['tag'], 'latest');
  const line: unknown = JSON.parse(registry.logLines.find((one) => one.includes(String(id))) ?? '{}');
  assert.ok(typeof line === 'object' && line !== null);
  for (const [name, value] of Object.entries({
    msg: 'request',
    'http.request.method': 'GET',
    'http.request.uri': '/v2/app/manifests/latest',
    'http.response.status': 200,
    route: 'manifest',
    'vars.name': 'app',
    'vars.reference': 'latest',
  })) {
    assert.equal(Object.entries(line).find(([key]) => key === name)?.[1], value, name);
  }
});

async function tagsOf(http: Http): Promise<unknown> {
  const answer = await http.get('/v2/app/tags/list').expect(200);
  const { tags }: { tags?: unknown } = JSON.parse(String(bytesOf(answer)));
  return tags;
}

async function filesystem(t: TestContext): Promise<StorageDriver> {
  return createFilesystemDriver({ rootDirectory: await temporaryDirectory(t) });
}
