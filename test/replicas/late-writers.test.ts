// A replica that lost its lock without knowing: what it still writes must reach nothing that was acknowledged.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { until } from '../support/redis-server.ts';
import { type Replicas, startReplicas } from '../support/replicas.ts';
import { digestOf } from '../support/sample-image.ts';
import { sharedStores } from '../support/shared-store.ts';
import { beginRequest } from './bodies.ts';

const MIB = 1024 * 1024;

// Both wait for locks to run out most of the time.
describe('late writers', { concurrency: true }, () => {
  for (const store of sharedStores) {
    test(`over ${store.name} late writers harm nobody`, { skip: store.skip }, async (t) => {
      const replicas = await startReplicas(t, { storage: await store.open(t) });
      const bytes = randomBytes(4 * MIB);
      const digest = digestOf(bytes);

      await t.test(
        'a PATCH that goes on after Redis forgot its lock and the upload became a blob',
        async () => {
          const { location, patch: late } = await beginLate(
            replicas,
            bytes.subarray(0, MIB),
            randomBytes(MIB),
          );
          await replicas.redis.client.flushall();

          const status = await replicas.at(1).send('GET', location);
          if (status.status === 204) {
            const request = { headers: { 'content-type': 'application/octet-stream' } };
            const size = Number(/^0-(\d+)$/.exec(status.headers.get('range') ?? '')?.[1]) + 1;
            const answer = await replicas
              .at(1)
              .send('PATCH', location, { ...request, body: bytes.subarray(size) });
            assert.ok([202, 404, 503].includes(answer.status), `${answer.status} ${await answer.text()}`);
            const closed = await replicas.at(1).send('PUT', `${location}?digest=${digest}`);
            assert.ok([201, 400, 404].includes(closed.status), `${closed.status} ${await closed.text()}`);
          }
          await replicas.at(1).pushBlob('demo/app', bytes);
          const answer = await late.end(randomBytes(2 * MIB));
          assert.ok([0, 404, 503].includes(answer.status), `${answer.status} ${answer.body}`);
          for (const replica of [0, 1]) {
            assert.ok(
              Buffer.from(await replicas.at(replica).getBlob('demo/app', digest)).equals(bytes),
              'other bytes',
            );
          }
        },
      );

      await t.test('a PATCH that goes on while another replica has closed the upload', async () => {
        const other = randomBytes(MIB);
        const { location, patch: late } = await beginLate(replicas, other, Buffer.of());
        await replicas.redis.client.flushall();
        const closed = await replicas.at(1).send('PUT', `${location}?digest=${digestOf(other)}`);
        const isThere = closed.status === 201;
        assert.ok(isThere || closed.status === 404, `${closed.status} ${await closed.text()}`);
        const answer = await late.end(randomBytes(2 * MIB));
        assert.ok([0, 404, 503].includes(answer.status), `${answer.status} ${answer.body}`);
        if (!isThere) await replicas.at(1).pushBlob('demo/app', other);
        for (const replica of [0, 1]) {
          const blob = await replicas.at(replica).getBlob('demo/app', digestOf(other));
          assert.deepEqual(Buffer.from(blob), other);
        }
      });

      await t.test('PATCHes of a replica that stood still until it had lost its locks', async () => {
        const contents = [randomBytes(MIB), randomBytes(MIB), randomBytes(MIB)] as const;
        const [untouched, grown, fresh] = contents;
        const late = [
          // It has the lock and the file, and has written nothing yet.
          await beginLate(replicas, untouched.subarray(0, 1000), Buffer.of()),
          await beginLate(replicas, grown.subarray(0, 1000), randomBytes(1000)),
          await beginLate(replicas, Buffer.of(), Buffer.of()),
        ];
        const goOn = await replicas.standStill(0);
        try {
          await Promise.all(
            late.map(async ({ location }, index) => {
              const bytes = contents[index] ?? fresh;
              const status = await replicas.at(1).send('GET', location);
              const size = sizeIn(status);
              const rest = bytes.subarray(Math.min(size, 1000));
              const patched = await replicas.at(1).send('PATCH', location, { body: rest });
              assert.equal(patched.status, 202);
              const closed = await replicas.at(1).send('PUT', `${location}?digest=${digestOf(bytes)}`);
              // Bytes of both are no content of anybody.
              assert.equal(closed.status, size > 1000 ? 400 : 201);
              if (size > 1000) await replicas.at(1).pushBlob('demo/app', bytes);
            }),
          );
        } finally {
          goOn();
        }
        for (const { patch } of late) {
          const answer = await patch.end(randomBytes(2 * MIB));
          assert.ok([0, 404, 503].includes(answer.status), `${answer.status} ${answer.body}`);
        }
        for (const bytes of contents) {
          for (const replica of [0, 1]) {
            const blob = await replicas.at(replica).getBlob('demo/app', digestOf(bytes));
            assert.ok(Buffer.from(blob).equals(bytes), 'other bytes');
          }
        }
      });
    });
  }
});

/** An upload with some bytes, and a PATCH of it under way at the first replica, which has sent some more. */
async function beginLate(replicas: Replicas, before: Uint8Array, sent: Uint8Array) {
  const opened = await replicas.at(1).startUpload('demo/app');
  const location = before.length === 0 ? opened : await replicas.at(1).appendChunk(opened, before, 0);
  const id = /[0-9a-f-]{36}/.exec(location)?.[0] ?? '';
  const patch = await beginRequest(replicas.service(0).url, 'PATCH', location);
  await patch.send(sent);
  await until(async () => (await replicas.redis.keys(`*${id}*:claim`)).length > 0);
  return { location, patch };
}

/** Bytes that an upload has, by its status. The answer says `0-0` of none. */
function sizeIn(status: Response): number {
  const last = Number(/^0-(\d+)$/.exec(status.headers.get('range') ?? '')?.[1]);
  return last === 0 ? 0 : last + 1;
}
