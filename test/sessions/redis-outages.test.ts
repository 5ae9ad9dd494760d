// Redis dies, stands still, forgets, fills up and goes back in time. Whoever uploads hears of it at once, whoever pulls does not
// notice, and no byte is ever wrong.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { createFilesystemDriver } from '../../storage-drivers/filesystem/filesystem-driver.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { assertRefused, bytesOf } from '../support/answers.ts';
import { type Http, openRegistry } from '../support/app.ts';
import { beginUpload, blobOf, manifestOf, pushBlob, putManifest, withQuery } from '../support/content.ts';
import { coordinate, settingsOf } from '../support/redis-clients.ts';
import {
  type RedisServer,
  type RedisServerOptions,
  startRedisServer,
  until,
} from '../support/redis-server.ts';
import { temporaryDirectory } from '../support/service.ts';
import { whyNotHere } from '../support/system-packages.ts';

/** What clients are promised, in milliseconds. */
const LONGEST_REFUSAL_MS = 2_000;

const drivers = {
  memory: async () => createMemoryDriver(),
  directory: async (t: TestContext) => createFilesystemDriver({ rootDirectory: await temporaryDirectory(t) }),
};

describe('Redis in trouble', { skip: whyNotHere(['redis-server']) }, () => {
  test('Redis is killed: uploads are refused with 503 and Retry-After, pulls go on', async (t) => {
    const { http, redis } = await open(t);
    const digest = await pushBlob(http, 'some/app', 'a layer');
    const location = await beginUpload(http, 'some/app');
    await redis.kill();
    await assertUploadsRefused(http, location);
    await assertPulls(http, digest, 'a layer');
    await redis.revive();
    await until(async () => (await http.post('/v2/some/app/blobs/uploads/')).status === 202);
  });

  test('Redis stands still for five seconds: the same, and the upload goes on afterwards', async (t) => {
    const { http, redis } = await open(t);
    const digest = await pushBlob(http, 'some/app', 'a layer');
    const location = await beginUpload(http, 'some/app');
    await http.patch(location).send('01234').expect(202);
    redis.pause();
    const goesOn = new Promise<void>((resolve) => {
      setTimeout(() => resolve(redis.resume()), 5_000);
    });
    await assertUploadsRefused(http, location);
    await assertPulls(http, digest, 'a layer');
    await goesOn;
    await until(async () => (await http.get(location)).status === 204);
    await http.patch(location).set('Content-Range', '5-9').send('56789').expect(202);
    await assertFinishes(http, location, '0123456789');
  });

  test('Redis comes back empty: an upload whose bytes the store does not show is unknown', async (t) => {
    const { http, redis } = await open(t);
    const location = await beginUpload(http, 'some/app');
    await http.patch(location).send('01234').expect(202);
    await redis.kill();
    await redis.revive();
    await until(async () => (await http.get(location)).status !== 503);
    for (const answer of [
      await http.get(location),
      await http.patch(location).send('56789'),
      await http.put(withQuery(location, `digest=${blobOf('01234').digest}`)),
    ]) {
      assertRefused(answer, 404, 'BLOB_UPLOAD_UNKNOWN');
    }
  });

  for (const forget of ['comes back empty', 'is flushed'] as const) {
    test(`Redis ${forget}: an upload in a directory goes on where its bytes end`, async (t) => {
      const { http, redis } = await open(t, 'directory');
      const location = await beginUpload(http, 'some/app');
      await http.patch(location).send('01234').expect(202);
      if (forget === 'is flushed') await redis.client.flushall();
      else {
        await redis.kill();
        await redis.revive();
      }
      await until(async () => (await http.get(location)).status === 204);
      const { headers } = await http.get(location);
      assert.equal(headers['range'], '0-4');
      await http.patch(location).set('Content-Range', '5-9').send('56789').expect(202);
      await assertFinishes(http, location, '0123456789');
    });
  }

  test('Redis forgets its locks while bytes come in: what was written counts, or the client hears of it', async (t) => {
    const { http, port, redis, driver } = await open(t, 'directory');
    const location = await beginUpload(http, 'some/app');
    const begun = Promise.withResolvers<void>();
    const forgotten = Promise.withResolvers<void>();
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(Buffer.from('01234'));
        begun.resolve();
        await forgotten.promise;
        controller.enqueue(Buffer.from('56789'));
        controller.close();
      },
    });
    const url = new URL(location, `http://127.0.0.1:${port}`);
    const patched = fetch(url, { method: 'PATCH', body, duplex: 'half' } as RequestInit);
    await begun.promise;
    await until(async () => (await redis.keys('*:owner')).length === 1);
    await redis.client.flushall();
    forgotten.resolve();
    const answer = await patched;
    assert.equal(answer.status, 503, await answer.text());
    assert.equal((await http.get(location)).headers['range'], '0-9');
    await assertFinishes(http, location, '0123456789');
    assert.equal(driver.name, 'filesystem');
  });

  test('Redis is full: uploads are refused with 503 until there is room again', async (t) => {
    const { http, redis } = await open(t, 'memory', { words: ['--maxmemory-policy', 'noeviction'] });
    const digest = await pushBlob(http, 'some/app', 'a layer');
    const location = await beginUpload(http, 'some/app');
    await redis.client.config('SET', 'maxmemory', '1');
    await assertAllRefused([http.post('/v2/some/app/blobs/uploads/'), http.patch(location).send('01234')]);
    await assertPulls(http, digest, 'a layer');
    await redis.client.config('SET', 'maxmemory', '0');
    // What the refused request sent was not counted.
    await http.patch(location).set('Content-Range', '0-4').send('01234').expect(202);
    await assertFinishes(http, location, '01234');
  });

  for (const kind of ['memory', 'directory'] as const) {
    test(`Redis goes back in time: no wrong bytes are committed (${kind})`, async (t) => {
      const { http, redis } = await open(t, kind);
      const location = await beginUpload(http, 'some/app');
      await http.patch(location).send('01234').expect(202);
      const [key = ''] = await redis.keys('*:upload');
      const earlier = await redis.client.dumpBuffer(key);
      assert.ok(earlier);
      await http.patch(location).send('56789').expect(202);
      await redis.client.restore(key, 60_000, earlier, 'REPLACE');

      const { headers } = await http.get(location).expect(204);
      assert.ok(['0-4', '0-9'].includes(headers['range'] ?? ''));
      const end = Number((headers['range'] ?? '').slice(2));
      await http
        .patch(location)
        .set('Content-Range', `${end + 1}-${end + 3}`)
        .send('abc')
        .expect(202);
      const content = `${'0123456789'.slice(0, end + 1)}abc`;
      const wrong = await http.put(withQuery(location, `digest=${blobOf('0123456789').digest}`));
      assertRefused(wrong, 400, 'DIGEST_INVALID');
      await http.get(`/v2/some/app/blobs/${blobOf('0123456789').digest}`).expect(404);
      await pushBlob(http, 'some/app', content);
      await assertPulls(http, blobOf(content).digest, content);
    });
  }
});

interface Opened {
  readonly http: Http;
  readonly port: number;
  readonly driver: StorageDriver;
  readonly redis: RedisServer;
}

async function open(
  t: TestContext,
  kind: keyof typeof drivers = 'memory',
  options: RedisServerOptions = {},
): Promise<Opened> {
  const redis = await startRedisServer(t, options);
  const driver = await drivers[kind](t);
  // Less than by default, so that a busy machine has a second to spare.
  const coordination = await coordinate(t, driver, settingsOf([redis.port], { readtimeout: 1_000 }));
  return { redis, ...(await openRegistry(t, { driver, coordination })) };
}

/** Everything that changes something, at the same time: whoever waits waits for the same two seconds. */
async function assertUploadsRefused(http: Http, location: string): Promise<void> {
  await assertAllRefused([
    http.post('/v2/some/app/blobs/uploads/'),
    http.patch(location).send('01234'),
    http.delete(location),
    putManifest(http, 'some/app', 'latest', manifestOf()),
  ]);
}

async function assertAllRefused(requests: readonly ReturnType<Http['get']>[]): Promise<void> {
  await Promise.all(
    requests.map(async (request) => {
      const start = performance.now();
      const answer = await request;
      const took = performance.now() - start;
      assertRefused(answer, 503, 'UNAVAILABLE');
      assert.match(answer.headers['retry-after'] ?? '', /^\d+$/);
      assert.ok(took < LONGEST_REFUSAL_MS, `${request.method} was refused after ${took} ms`);
    }),
  );
}

async function assertPulls(http: Http, digest: string, content: string): Promise<void> {
  const pulled = await http.get(`/v2/some/app/blobs/${digest}`).expect(200);
  assert.equal(bytesOf(pulled).toString(), content);
  await http.head(`/v2/some/app/blobs/${digest}`).expect(200);
}

async function assertFinishes(http: Http, location: string, content: string): Promise<void> {
  const { digest } = blobOf(content);
  await http.put(withQuery(location, `digest=${digest}`)).expect(201);
  await assertPulls(http, digest, content);
}
