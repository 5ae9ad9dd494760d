// Large contents are hashed on a thread: the same digests, whatever goes on at the same time, and no wrong one if the thread ends.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { digestOf } from '../../src/registry/digest.ts';
import { createHashThread } from '../../src/registry/hash-thread.ts';
import { createRunningDigest, type RunningDigest } from '../../src/registry/running-digest.ts';
import { algorithms } from '../support/content.ts';

const MIB = 1024 * 1024;
const content = Buffer.alloc(3 * MIB + 17, 'some content that goes on and on ');

/** Shared memory, as large contents come in; it is used again as soon as it may be. */
async function feed(digest: RunningDigest, bytes: Uint8Array, step: number): Promise<void> {
  for (let start = 0; start < bytes.length; start += step) {
    const piece = bytes.subarray(start, start + step);
    const block = new Uint8Array(new SharedArrayBuffer(step)).subarray(0, piece.length);
    block.set(piece);
    await digest.update(block);
    block.fill(0);
  }
}

for (const algorithm of algorithms) {
  test(`${algorithm} of content of every length is the one that is computed at once`, async () => {
    const thread = createHashThread();
    for (const length of [0, 1, 128 * 1024, 128 * 1024 + 1, MIB, content.length]) {
      const digest = createRunningDigest(algorithm, thread);
      await feed(digest, content.subarray(0, length), 30_000);
      assert.equal(await digest.digest(), digestOf(content.subarray(0, length), algorithm), `${length}`);
      assert.equal(await digest.digest(), digestOf(content.subarray(0, length), algorithm), 'asked again');
      digest.forget();
    }
  });

  test(`${algorithm}: a copy goes its own way, after few bytes and after many`, async () => {
    const thread = createHashThread();
    for (const length of [0, 100, 2 * MIB]) {
      const digest = createRunningDigest(algorithm, thread);
      await feed(digest, content.subarray(0, length), 50_000);
      const copy = digest.copy();
      await feed(digest, Buffer.from('other bytes'), 100);
      await feed(copy, content.subarray(length), 100_000);
      digest.forget();
      assert.equal(await copy.digest(), digestOf(content, algorithm), `${length}`);
    }
  });
}

test('many at once keep nobody waiting that stands still', async () => {
  const thread = createHashThread();
  const still = Array.from({ length: 40 }, () => createRunningDigest('sha256', thread));
  for (const digest of still) await feed(digest, content.subarray(0, MIB + 5), 64 * 1024);
  const busy = Array.from({ length: 40 }, () => createRunningDigest('sha256', thread));
  await Promise.all(busy.map((digest) => feed(digest, content, 32 * 1024)));
  for (const digest of busy) assert.equal(await digest.digest(), digestOf(content, 'sha256'));
  for (const digest of still)
    assert.equal(await digest.digest(), digestOf(content.subarray(0, MIB + 5), 'sha256'));
});

test('memory that threads share and memory that they do not make one content, whichever comes first', async () => {
  const thread = createHashThread();
  for (const first of ['shared', 'own']) {
    const digest = createRunningDigest('sha256', thread);
    if (first === 'shared') await feed(digest, content.subarray(0, MIB), 64 * 1024);
    else await digest.update(content.subarray(0, MIB));
    await digest.update(content.subarray(MIB, MIB + 17));
    await feed(digest, content.subarray(MIB + 17), 64 * 1024);
    assert.equal(await digest.digest(), digestOf(content, 'sha256'), `${first} first`);
  }
});

function keep(started: Worker[]): Worker {
  const worker = new Worker(new URL('../../src/registry/hash-worker.js', import.meta.url));
  started.push(worker);
  return worker;
}

test('a thread ends when nobody needs it, and not while it knows what a slow client may add to', async () => {
  const started: Worker[] = [];
  const settings = { startWorker: () => keep(started), idleMs: 10 };
  const [waiting, done] = [createHashThread(settings), createHashThread(settings)].map((thread) =>
    createRunningDigest('sha256', thread),
  );
  assert.ok(waiting && done);
  await feed(waiting, content.subarray(0, MIB), 64 * 1024);
  await feed(done, content, 64 * 1024);
  const [, second] = started;
  assert.ok(second);
  const ended = once(second, 'exit');
  assert.equal(await done.digest(), digestOf(content, 'sha256'));
  done.forget();
  await ended;
  await feed(waiting, content.subarray(MIB), 64 * 1024);
  assert.equal(await waiting.digest(), digestOf(content, 'sha256'));
});

test('what a thread knew that has ended is lost, and never a wrong digest', async () => {
  const started: Worker[] = [];
  const thread = createHashThread({ startWorker: () => keep(started) });
  const digest = createRunningDigest('sha256', thread);
  await feed(digest, content, 64 * 1024);
  assert.equal(await digest.digest(), digestOf(content, 'sha256'));
  await started[0]?.terminate();
  await feed(digest, content, 64 * 1024);
  assert.equal(await digest.digest(), undefined);
  assert.equal(await digest.copy().digest(), undefined);
  const next = createRunningDigest('sha256', thread);
  await feed(next, content, 64 * 1024);
  assert.equal(await next.digest(), digestOf(content, 'sha256'));
  assert.equal(started.length, 2);
});
