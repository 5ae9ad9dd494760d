// The body of an answer of the store, gathered to few pieces while it comes.
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type BufferPool, createBufferPool } from '../../storage-drivers/buffer-pool.ts';
import { gatherChunks } from '../../storage-drivers/s3/gathered-chunks.ts';
import { equalBytes, MIB, pattern } from './content.ts';

const KIB = 1024;

test('chunks that have come already are one piece, and nothing of them is lost or turned around', async () => {
  const content = pattern(3 * MIB + 5);
  const body = new PassThrough({ highWaterMark: 8 * MIB });
  for (let start = 0; start < content.length; start += 64 * KIB)
    body.write(content.slice(start, start + 64 * KIB));
  body.end();
  const { pool, lent } = countingPool();
  const chunks = gatherChunks(body, content.length, pool);
  const pieces: Uint8Array[] = [];
  for (let piece = await chunks.next(); piece !== undefined; piece = await chunks.next())
    pieces.push(piece.slice());
  assert.deepEqual(
    pieces.map(({ length }) => length),
    [MIB, MIB, MIB, 5],
  );
  assert.ok(equalBytes(Buffer.concat(pieces), content));
  assert.equal(lent(), 0);
});

test('what came is handed on while the rest is waited for', async () => {
  const body = new PassThrough();
  const chunks = gatherChunks(body, MIB, createBufferPool());
  const first = chunks.next();
  body.write(pattern(10));
  assert.equal((await first)?.length, 10);
});

test('no more is taken than two pieces ahead of whoever reads', async () => {
  const body = new PassThrough({ highWaterMark: 64 * KIB });
  const { pool, lent } = countingPool();
  const chunks = gatherChunks(body, 100 * MIB, pool);
  let written = 0;
  while (written < 50 * MIB) {
    const hasRoom = body.write(pattern(64 * KIB));
    written += 64 * KIB;
    await nextTurn();
    if (!hasRoom && body.isPaused()) break;
  }
  assert.ok(written < 4 * MIB, `${written} bytes were taken`);
  assert.equal(lent(), 2);
  chunks.stop();
  assert.equal(lent(), 0);
});

test('what ended a body early is told after the bytes that came before it', async () => {
  const body = new PassThrough();
  const chunks = gatherChunks(body, MIB, createBufferPool());
  body.write(pattern(10));
  await nextTurn();
  const cause = new Error('the connection broke');
  body.destroy(cause);
  assert.equal((await chunks.next())?.length, 10);
  await assert.rejects(chunks.next(), cause);
});

test('a body that is longer than it should be is an error', async () => {
  const body = new PassThrough();
  const chunks = gatherChunks(body, 15, createBufferPool());
  body.write(pattern(10));
  body.write(pattern(10));
  await assert.rejects(
    async () => {
      while ((await chunks.next()) !== undefined);
    },
    { message: 'the body goes on behind 15 bytes' },
  );
  assert.ok(body.destroyed);
});

test('a piece that somebody may still look at when it is stopped is not used again', async () => {
  const body = new PassThrough();
  const pool = createBufferPool();
  const chunks = gatherChunks(body, MIB, pool);
  body.write(pattern(10));
  const piece = await chunks.next();
  chunks.stop();
  const others = [pool.borrow(MIB), pool.borrow(MIB)];
  assert.ok(others.every(({ buffer }) => buffer !== piece?.buffer));
});

function countingPool(): { pool: BufferPool; lent: () => number } {
  const pool = createBufferPool();
  let lent = 0;
  return {
    lent: () => lent,
    pool: {
      borrow(wanted) {
        lent += 1;
        return pool.borrow(wanted);
      },
      giveBack(buffer) {
        lent -= 1;
        pool.giveBack(buffer);
      },
      forget(buffer) {
        lent -= 1;
        pool.forget(buffer);
      },
    },
  };
}
