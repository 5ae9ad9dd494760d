// Blobs that the store gives away itself: whom the registry sends there, how, and whom it does not.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { createRegistryClient, type RegistryClient } from '../support/registry-client.ts';
import { startS3Store } from '../support/s3-store.ts';
import { digestOf } from '../support/sample-image.ts';
import { startBerth } from '../support/service.ts';
import { bucketOf, whyNoS3Replicas as skip } from '../support/shared-store.ts';

const LONGEST_SECONDS = 20 * 60;

if (skip !== false) {
  test('redirects to the store', { skip }, () => {});
} else {
  const store = await startS3Store({ after });
  const bucket = await bucketOf(store);
  const bytes = randomBytes(100_000);
  const path = `/v2/demo/app/blobs/${digestOf(bytes)}`;

  /** A server on the bucket. Redis is not needed: they come one after the other. */
  const serve = async (redirect: object, work: (client: RegistryClient, url: string) => Promise<void>) => {
    const storage = { filesystem: undefined, ...bucket, redirect };
    const service = await startBerth({ directory: '', configuration: { storage } });
    try {
      await work(createRegistryClient(service.url), service.url);
    } finally {
      await service.stop();
    }
  };
  const ask = (url: string, init: RequestInit = {}, at = path) =>
    fetch(new URL(at, url), { redirect: 'manual', ...init });

  test('a blob is redirected to the store for twenty minutes at most, and that is not kept', () =>
    serve({}, async (client, url) => {
      await client.pushBlob('demo/app', bytes);
      const answer = await ask(url);
      assert.equal(answer.status, 307);
      assert.equal(answer.headers.get('cache-control'), 'no-store');
      assert.equal((await answer.bytes()).length, 0);
      const location = new URL(answer.headers.get('location') ?? '');
      assert.equal(location.origin, store.endpoint);
      const seconds = Number(location.searchParams.get('X-Amz-Expires'));
      assert.ok(seconds > 0 && seconds <= LONGEST_SECONDS, `${seconds} seconds`);
      assert.ok(!location.href.includes(store.secretKey));
      assert.ok(Buffer.from(await (await fetch(location)).bytes()).equals(bytes), 'other bytes');
      const part = await fetch(location, { headers: { range: 'bytes=10-19' } });
      assert.deepEqual(Buffer.from(await part.bytes()), bytes.subarray(10, 20));

      const head = await ask(url, { method: 'HEAD' });
      assert.equal(head.status, 200);
      assert.equal(head.headers.get('content-length'), String(bytes.length));

      // The content is there, but not this repository's.
      assert.equal((await ask(url, {}, path.replace('demo/app', 'demo/other'))).status, 404);
    }));

  test('with redirect.disable the server gives the bytes itself, ranges too', () =>
    serve({ disable: true }, async (_client, url) => {
      const answer = await ask(url);
      assert.equal(answer.status, 200);
      assert.ok(Buffer.from(await answer.bytes()).equals(bytes), 'other bytes');
      const part = await ask(url, { headers: { range: 'bytes=99990-' } });
      assert.equal(part.status, 206);
      assert.deepEqual(Buffer.from(await part.bytes()), bytes.subarray(99_990));
    }));

  test('clients with a user agent under except.useragents get the bytes here, others are redirected', () =>
    serve({ except: { useragents: ['^containerd/'] } }, async (_client, url) => {
      const as = (agent: string) => ask(url, { headers: { 'user-agent': agent } });
      assert.equal((await as('containerd/1.6.20')).status, 200);
      assert.equal((await as('docker/20.10 containerd/1')).status, 307);
    }));

  test('clients of a network under except.networks get the bytes here, others are redirected', async () => {
    await serve({ except: { networks: ['127.0.0.0/8'] } }, async (_client, url) => {
      assert.equal((await ask(url)).status, 200);
    });
    await serve({ except: { networks: ['10.0.0.0/8'] } }, async (_client, url) => {
      assert.equal((await ask(url)).status, 307);
      // Nobody said that this client is a proxy, so it is not believed.
      assert.equal((await ask(url, { headers: { 'x-forwarded-for': '10.0.0.1' } })).status, 307);
    });
  });
}
