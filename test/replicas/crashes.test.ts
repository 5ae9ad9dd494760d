// Replicas that are killed: uploads go on at the others, and nothing that was acknowledged is lost or wrong.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Replicas, startReplicas } from '../support/replicas.ts';
import { digestOf, makeImage, type SampleImage } from '../support/sample-image.ts';
import { sharedStores } from '../support/shared-store.ts';
import { beginRequest } from './bodies.ts';
import { insistOnPull, insistOnPush, pullAndCheck } from './patient-client.ts';

const MIB = 1024 * 1024;
const ROUNDS = 100;
const WORKERS = 4;
const MOST_KILLS = 12;

// Both wait for locks to run out most of the time.
describe('dying replicas', { concurrency: true }, () => {
  for (const store of sharedStores) {
    test(`over ${store.name} replicas are killed and nobody notices`, { skip: store.skip }, async (t) => {
      const replicas = await startReplicas(t, { storage: await store.open(t), count: 3 });

      await t.test('an upload whose PATCH was running goes on at another replica', () =>
        outliveWriter(replicas),
      );

      await t.test('a hundred pushes and pulls come through while replicas die in turn', async (t) => {
        const acknowledged = await workWhileReplicasDie(replicas, (line) => t.diagnostic(line));
        for (let replica = 0; replica < replicas.count; replica += 1) {
          for (const { tag, image } of acknowledged) {
            await pullAndCheck(replicas.at(replica), 'demo/mixed', image, tag);
          }
        }
        const tags = acknowledged.map(({ tag }) => tag).sort();
        assert.deepEqual(await replicas.at(0).listTags('demo/mixed'), tags);
      });
    });
  }
});

/** Kills the replica that has half of a chunk; the client asks another one where the upload stands, and goes on there. */
async function outliveWriter(replicas: Replicas): Promise<void> {
  const bytes = randomBytes(24 * MIB);
  const digest = digestOf(bytes);
  const kept = 6 * MIB;
  const opened = await replicas.at(2).startUpload('demo/app');
  const location = await replicas.at(1).appendChunk(opened, bytes.subarray(0, kept), 0);
  const patch = await beginRequest(replicas.service(0).url, 'PATCH', location);
  await patch.send(bytes.subarray(kept, 20 * MIB));
  await replicas.kill(0);
  assert.equal((await patch.end()).status, 0);

  const status = await replicas.at(1).send('GET', location);
  assert.equal(status.status, 204);
  const size = Number(/^0-(\d+)$/.exec(status.headers.get('range') ?? '')?.[1]) + 1;
  assert.ok(size >= kept && size <= 20 * MIB, `${size}`);
  // The lock of the dead replica runs out first.
  await replicas.at(1).appendChunk(location, bytes.subarray(size), size);
  await replicas.at(2).closeUpload(location, digest);
  await replicas.revive(0);
  for (const replica of [0, 1, 2]) {
    // By digest: what tells large buffers apart byte by byte takes all of the memory.
    assert.equal(digestOf(await replicas.at(replica).getBlob('demo/app', digest)), digest);
  }
}

interface Pushed {
  readonly tag: string;
  readonly image: SampleImage;
}

async function workWhileReplicasDie(
  replicas: Replicas,
  say: (line: string) => void,
): Promise<readonly Pushed[]> {
  const acknowledged: Pushed[] = [];
  let next = 0;
  let tries = 0;
  const work = async () => {
    for (let round = next++; round < ROUNDS; round = next++) {
      const known = acknowledged[round % Math.max(acknowledged.length, 1)];
      if (round % 2 === 1 && known !== undefined) {
        const needed = await insistOnPull(replicas.balanced, 'demo/mixed', known.image, known.tag);
        tries += needed;
        continue;
      }
      const tag = `round-${round}`;
      const image = makeImage(`${tag} ${randomBytes(150_000 + 1000 * round).toString('base64')}`);
      const needed = await insistOnPush(replicas.balanced, 'demo/mixed', image, tag);
      tries += needed;
      acknowledged.push({ tag, image });
    }
  };
  const working = Promise.all(Array.from({ length: WORKERS }, work));
  const done = new AbortController();
  const dying = killInTurn(replicas, done.signal);
  try {
    await working;
  } finally {
    done.abort();
  }
  const kills = await dying;
  say(`${kills} kills, ${tries} tries for ${ROUNDS} pushes and pulls`);
  assert.ok(kills >= 3, `${kills} kills`);
  return acknowledged;
}

/** One after the other is killed and started again, until the signal or that is enough; gives how many it were. */
async function killInTurn(replicas: Replicas, signal: AbortSignal): Promise<number> {
  let kills = 0;
  while (!signal.aborted && kills < MOST_KILLS) {
    await sleep(400);
    await replicas.kill(kills % replicas.count);
    await sleep(100);
    await replicas.revive(kills % replicas.count);
    kills += 1;
  }
  return kills;
}
