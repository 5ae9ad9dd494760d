// Replicas on a bucket whose store dies and comes back, and on one whose network loses, cuts and delays.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { createRandom } from '../crash/random.ts';
import { type Replicas, startReplicas } from '../support/replicas.ts';
import { type Fault, startFaultProxy } from '../support/s3-fault-proxy.ts';
import { startS3Store } from '../support/s3-store.ts';
import { digestOf, makeImage } from '../support/sample-image.ts';
import { bucketOf, whyNoS3Replicas as skip } from '../support/shared-store.ts';
import { insist, insistOnPull, insistOnPush, pullAndCheck } from './patient-client.ts';

const MIB = 1024 * 1024;
const WORKERS = 4;
const PUSHES = 14;
/** What a replica may need beyond what it needed at first, whatever it is sent. */
const MEMORY_LIMIT = 160 * MIB;
const LARGE = 48 * MIB;

test('replicas outlive their store', { skip }, async (t) => {
  const store = await startS3Store(t);

  await t.test(
    'a gateway that is killed is answered with 503, and what was acknowledged is there',
    async (t) => {
      const replicas = await startReplicas(t, { storage: await bucketOf(store) });
      const { balanced } = replicas;
      const image = makeImage('there before');
      await balanced.pushImage('demo/app', image, 'tag');
      const location = await balanced.startUpload('demo/app');
      const bytes = randomBytes(100_000);
      await store.killGateway();
      const asked = [
        ['GET', '/v2/demo/app/manifests/tag'],
        ['HEAD', `/v2/demo/app/blobs/${[...image.blobs.keys()][0]}`],
        ['POST', '/v2/demo/app/blobs/uploads/'],
        ['PATCH', location],
        ['GET', '/v2/demo/app/tags/list'],
      ] as const;
      await Promise.all(
        asked.map(async ([method, path]) => {
          const answer = await balanced.send(method, path, method === 'PATCH' ? { body: bytes } : {});
          assert.equal(answer.status, 503, `${method} ${path}`);
          assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/);
        }),
      );
      await store.reviveGateway();
      for (const replica of [0, 1]) await pullAndCheck(replicas.at(replica), 'demo/app', image, 'tag');
      await balanced.closeUpload(await balanced.appendChunk(location, bytes, 0), digestOf(bytes));
      assert.ok(
        Buffer.from(await balanced.getBlob('demo/app', digestOf(bytes))).equals(bytes),
        'other bytes',
      );
    },
  );

  await t.test(
    'with resets, 503s, cut bodies and lost answers every acknowledged byte is right',
    async (t) => {
      const random = createRandom(20);
      const proxy = await startFaultProxy(
        store.port,
        (incoming) => drawFault(random.integer(1, 1000), incoming),
        t,
      );
      // Pulled through the replicas, so that their reading is tried as well.
      const replicas = await startReplicas(t, {
        storage: await bucketOf(store, { regionendpoint: `http://127.0.0.1:${proxy.port}` }),
        configuration: { storage: { redirect: { disable: true } } },
      });
      const before = await memoryOf(replicas);
      await pushAndPull(replicas, (line) => t.diagnostic(line));
      const after = await memoryOf(replicas);
      t.diagnostic(`${proxy.faults()} faults in ${proxy.requests()} requests`);
      assert.ok(proxy.faults() > 30, `${proxy.faults()} faults`);
      for (const [index, bytes] of after.entries()) {
        const grown = bytes - (before[index] ?? 0);
        t.diagnostic(
          `replica ${index}: ${Math.round(bytes / MIB)} MiB, ${Math.round(grown / MIB)} more than idle`,
        );
        assert.ok(grown < MEMORY_LIMIT, `${grown} bytes more`);
      }
    },
  );
});

/** One request in a hundred is reset, five find the store too busy, some answers are cut or lost. */
function drawFault(permille: number, { method, headers }: IncomingMessage): Fault | undefined {
  if (permille <= 10) return 'reset';
  if (permille <= 60) return 'slowDown';
  if (permille <= 75) return 'cutBody';
  if (permille <= 85) return 'lostAnswer';
  // What S3 answers before it knows whether it succeeds.
  const isAnsweredEarly = method === 'POST' || headers['x-amz-copy-source'] !== undefined;
  if (permille <= 105 && isAnsweredEarly) return permille <= 95 ? 'errorIn200' : 'doneButErrorIn200';
  return undefined;
}

async function pushAndPull(replicas: Replicas, say: (line: string) => void): Promise<void> {
  const { balanced } = replicas;
  const images = Array.from({ length: PUSHES }, (_, index) =>
    makeImage(`image ${index} ${randomBytes(40_000 * (index + 1)).toString('hex')}`),
  );
  const large = randomBytes(LARGE);
  let tries = 0;
  const waiting = [...images.entries()];
  const work = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [index, image] = next;
      const needed = await insistOnPush(balanced, 'demo/faults', image, `push-${index}`);
      tries += needed;
    }
  };
  const pushLarge = () => insist(() => balanced.pushBlob('demo/faults', large, { chunkSize: 24 * MIB }));
  const [largeTries] = await Promise.all([pushLarge(), ...Array.from({ length: WORKERS }, work)]);
  say(`${tries} tries for ${PUSHES} images, ${largeTries} for a blob of ${LARGE / MIB} MiB`);
  for (const [index, image] of images.entries()) {
    await insistOnPull(replicas.at(index % 2), 'demo/faults', image, `push-${index}`);
  }
  await insist(async () => {
    const content = await balanced.getBlob('demo/faults', digestOf(large));
    assert.equal(digestOf(content), digestOf(large));
  });
}

/** Resident bytes of each replica (proc_pid_status(5)). */
async function memoryOf(replicas: Replicas): Promise<number[]> {
  const services = Array.from({ length: replicas.count }, (_, replica) => replicas.service(replica));
  return Promise.all(
    services.map(async ({ pid }) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
    }),
  );
}
