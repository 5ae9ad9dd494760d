// Redis dies, stands still and forgets. Uploads are refused until it is back, pulls never fail, and nothing is lost.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RegistryClient } from '../support/registry-client.ts';
import { type Replicas, startReplicas } from '../support/replicas.ts';
import { digestOf, makeImage } from '../support/sample-image.ts';
import { sharedStores } from '../support/shared-store.ts';
import { insist, insistOnPush, pullAndCheck } from './patient-client.ts';

/** Whoever uploads while Redis is away hears so within this time. */
const REFUSAL_LIMIT_MS = 2_000;
const PUSHES = 40;

for (const store of sharedStores) {
  test(`over ${store.name} Redis comes and goes`, { skip: store.skip }, async (t) => {
    const replicas = await startReplicas(t, { storage: await store.open(t) });
    const { redis, balanced } = replicas;
    const image = makeImage('pushed while all was well');
    await balanced.pushImage('demo/app', image, 'kept');

    await t.test('killed, it takes uploads, pushes and deletes with it, and no pull', async () => {
      const location = await balanced.startUpload('demo/app');
      await redis.kill();
      for (const replica of [0, 1]) {
        const client = replicas.at(replica);
        await assertAway(client, 'POST', '/v2/demo/app/blobs/uploads/');
        await assertAway(client, 'PATCH', location, randomBytes(100));
        await assertAway(client, 'PUT', '/v2/demo/app/manifests/new', image.manifest);
        await assertAway(client, 'DELETE', '/v2/demo/app/manifests/kept');
        await pullAndCheck(client, 'demo/app', image, 'kept');
        assert.deepEqual(await client.listTags('demo/app'), ['kept']);
      }
      await redis.revive();
      await insist(() => balanced.pushBlob('demo/app', randomBytes(100_000)));
    });

    await t.test('standing still for five seconds, it does the same', async () => {
      redis.pause();
      try {
        const end = performance.now() + 5_000;
        while (performance.now() < end) {
          await assertAway(balanced, 'POST', '/v2/demo/app/blobs/uploads/');
          await pullAndCheck(balanced, 'demo/app', image, 'kept');
        }
      } finally {
        redis.resume();
      }
      await insist(() => balanced.pushBlob('demo/app', randomBytes(100_000)));
    });

    await t.test(
      'after it forgot an upload, the upload goes on or is unknown, and a new one succeeds',
      async () => {
        const bytes = randomBytes(300_000);
        const first = bytes.subarray(0, 100_000);
        const location = await balanced.appendChunk(await balanced.startUpload('demo/app'), first, 0);
        await redis.client.flushall();
        const headers = { 'content-range': `${first.length}-${bytes.length - 1}` };
        const answer = await balanced.send('PATCH', location, {
          headers,
          body: bytes.subarray(first.length),
        });
        if (answer.status === 202) {
          await balanced.closeUpload(location, digestOf(bytes));
        } else {
          assert.equal(answer.status, 404);
          assert.match(await answer.text(), /BLOB_UPLOAD_UNKNOWN/);
          await balanced.pushBlob('demo/app', bytes);
        }
        for (const replica of [0, 1]) {
          assert.deepEqual(
            Buffer.from(await replicas.at(replica).getBlob('demo/app', digestOf(bytes))),
            bytes,
          );
        }
      },
    );

    await t.test('through all of it at once pushes get through, and no pull fails', async (t) => {
      const tries = await pushWhileRedisFails(replicas, () =>
        pullAndCheck(balanced, 'demo/app', image, 'kept'),
      );
      t.diagnostic(`${tries} tries for ${PUSHES} pushes`);
    });
  });
}

async function assertAway(
  client: RegistryClient,
  method: string,
  path: string,
  body?: Uint8Array,
): Promise<void> {
  const begun = performance.now();
  const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' };
  const answer = await client.send(method, path, { headers, ...(body && { body }) });
  const took = performance.now() - begun;
  assert.equal(answer.status, 503, `${method} ${path}: ${await answer.text()}`);
  assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/);
  assert.ok(took < REFUSAL_LIMIT_MS, `${method} ${path} took ${took} ms`);
}

/** Pushes images while Redis fails in every way, and pulls all the time; gives the number of tries of the pushes. */
async function pushWhileRedisFails(replicas: Replicas, pull: () => Promise<void>): Promise<number> {
  const { balanced } = replicas;
  const images = Array.from({ length: PUSHES }, (_, index) =>
    makeImage(`image ${index} ${randomBytes(100_000).toString('hex')}`),
  );
  const failing = new AbortController();
  const harm = harmRedis(replicas, failing);
  const pulls = pullUntil(failing.signal, pull);
  let tries = 0;
  const waiting = [...images.entries()];
  const work = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [index, image] = next;
      // Slow enough to last through all of what happens to Redis.
      await sleep(400);
      const needed = await insistOnPush(balanced, 'demo/busy', image, `push-${index}`);
      tries += needed;
    }
  };
  await Promise.all([harm, pulls, ...Array.from({ length: 4 }, work)]);
  for (const [index, image] of images.entries()) {
    await pullAndCheck(replicas.at(index % 2), 'demo/busy', image, `push-${index}`);
  }
  return tries;
}

async function harmRedis({ redis }: Replicas, done: AbortController): Promise<void> {
  try {
    for (let round = 0; round < 2; round += 1) {
      await sleep(300);
      await redis.client.flushall();
      await sleep(300);
      await redis.kill();
      await sleep(300);
      await redis.revive();
      await sleep(800);
      redis.pause();
      await sleep(1_200);
      redis.resume();
    }
  } finally {
    done.abort();
  }
}

async function pullUntil(signal: AbortSignal, pull: () => Promise<void>): Promise<void> {
  while (!signal.aborted) await pull();
}
