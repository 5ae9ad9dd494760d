// Bodies are handed on in few pieces, whole and in order, with the memory of each used again; what this saves, the bench tells.
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { gatherBody } from '../../src/http/gathered-body.ts';
import {
  type Block,
  createSharedBlocks,
  isShared,
  type SharedBlocks,
} from '../../src/registry/shared-blocks.ts';
import { createRandom } from '../crash/random.ts';

const KIB = 1024;
const MIB = KIB * KIB;
const content = Buffer.from(createRandom(3).bytes(5 * MIB + 123));

const onBytes = () => {};

/** Blocks that are overwritten when they are given back, and that tell how many are out. */
function spoiledBlocks(): SharedBlocks & { readonly out: Set<SharedArrayBuffer> } {
  const blocks = createSharedBlocks();
  const out = new Set<SharedArrayBuffer>();
  return {
    out,
    borrow() {
      const block = blocks.borrow();
      assert.ok(!out.has(block.buffer), 'lent to two');
      out.add(block.buffer);
      return block;
    },
    giveBack(block: Block) {
      assert.ok(out.delete(block.buffer), 'given back twice');
      new Uint8Array(block.buffer).fill(0);
      blocks.giveBack(block);
    },
  };
}

/** Writes pieces of the length, each in memory of its own, as fast as they are taken. */
async function send(stream: PassThrough, bytes: Uint8Array, length: number): Promise<void> {
  for (let start = 0; start < bytes.length; start += length) {
    const piece = Uint8Array.from(bytes.subarray(start, start + length));
    if (!stream.write(piece)) await new Promise((resolve) => stream.once('drain', resolve));
  }
}

async function piecesOf(body: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return pieces;
}

for (const [length, size] of [
  [32 * KIB, content.length],
  [MIB + 1, content.length],
  [100 * KIB, 100 * KIB],
  [7 * KIB, 65 * KIB],
] as const) {
  test(`${size} bytes that come by ${length} are handed on in pieces of shared memory, in order`, async () => {
    const stream = new PassThrough();
    const blocks = spoiledBlocks();
    let counted = 0;
    const sent = send(stream, content.subarray(0, size), length).then(() => stream.end());
    const pieces: Uint8Array[] = [];
    for await (const piece of gatherBody(stream, blocks, { onBytes: (count) => (counted += count) })) {
      assert.ok(isShared(piece));
      await turn();
      pieces.push(new Uint8Array(piece));
    }
    await sent;
    assert.ok(Buffer.concat(pieces).equals(content.subarray(0, size)));
    assert.equal(counted, size);
    assert.equal(pieces.length, Math.ceil(size / MIB));
    assert.equal(blocks.out.size, 0);
  });
}

test('a small body is one piece of its own memory, and an empty one is none', async () => {
  for (const size of [0, 1, 64 * KIB]) {
    const stream = new PassThrough();
    const blocks = spoiledBlocks();
    const sent = send(stream, content.subarray(0, size), 10_000).then(() => stream.end());
    const pieces = await piecesOf(gatherBody(stream, blocks, { onBytes }));
    await sent;
    assert.equal(pieces.length, size === 0 ? 0 : 1);
    assert.ok(Buffer.concat(pieces).equals(content.subarray(0, size)));
    assert.ok(!pieces.some(isShared));
  }
});

test('all of a body can be had that is small and has ended well, and then no more of it', async () => {
  for (const size of [0, 1, 64 * KIB]) {
    const stream = new PassThrough();
    const body = gatherBody(stream, spoiledBlocks(), { onBytes });
    void send(stream, content.subarray(0, size), 10_000).then(() => stream.end());
    const whole = await body.whole();
    assert.ok(whole !== undefined && !isShared(whole));
    assert.ok(content.subarray(0, size).equals(whole));
    assert.deepEqual(await body.next(), { done: true, value: undefined });
  }
});

test('a body that cannot be had at once is all there when it is read then', { timeout: 10_000 }, async () => {
  const open: [what: string, length: number, chunk: number, announced?: number][] = [
    ['long, while it comes', 65 * KIB, 65 * KIB],
    ['in very many chunks', 1000, 1],
    ['more than announced', 11, 11, 10],
  ];
  for (const [what, length, chunk, announced] of open) {
    const stream = new PassThrough();
    const body = gatherBody(stream, createSharedBlocks(), { onBytes, announced });
    const sent = send(stream, content.subarray(0, length), chunk);
    if (what.startsWith('in very many')) void sent.then(() => stream.end());
    assert.equal(await body.whole(), undefined, what);
    stream.end();
    const pieces: Uint8Array[] = [];
    for await (const piece of body) pieces.push(new Uint8Array(piece));
    assert.ok(Buffer.concat(pieces).equals(content.subarray(0, length)), what);
  }
});

test('a body that broke off cannot be had at once: what came is handed on, and then the error', async () => {
  const reset = new Error('reset');
  for (const isBrokenOff of [false, true]) {
    const stream = new PassThrough();
    const body = gatherBody(stream, createSharedBlocks(), { onBytes, isBrokenOff: () => isBrokenOff });
    stream.write('came');
    setTimeout(() => (isBrokenOff ? stream.end() : stream.destroy(reset)), 50);
    assert.equal(await body.whole(), undefined);
    assert.equal(Buffer.from((await body.next()).value ?? '').toString(), 'came');
    await assert.rejects(body.next(), isBrokenOff ? /reset/ : reset);
  }
});

test('a body in very many chunks is gathered, however small it is', async () => {
  const stream = new PassThrough();
  const sent = send(stream, content.subarray(0, 1000), 1).then(() => stream.end());
  const pieces: Uint8Array[] = [];
  for await (const piece of gatherBody(stream, createSharedBlocks(), { onBytes })) {
    assert.ok(isShared(piece));
    pieces.push(new Uint8Array(piece));
  }
  await sent;
  assert.ok(Buffer.concat(pieces).equals(content.subarray(0, 1000)));
});

test('memory that cannot be had ends the body, and nothing else', async () => {
  const stream = new PassThrough();
  const outOfMemory = new RangeError('Array buffer allocation failed');
  const blocks: SharedBlocks = {
    borrow() {
      throw outOfMemory;
    },
    giveBack: () => assert.fail('nothing was lent'),
  };
  void send(stream, content, 100 * KIB);
  await assert.rejects(piecesOf(gatherBody(stream, blocks, { onBytes })), outOfMemory);
});

test('what came of a body that breaks off is handed on before the error', async () => {
  for (const size of [10, 3 * MIB + 17]) {
    const stream = new PassThrough();
    const blocks = spoiledBlocks();
    const reset = new Error('reset');
    const sent = send(stream, content.subarray(0, size), 50 * KIB).then(() =>
      // When all of it was taken out of the stream, whose own error would be quicker.
      setTimeout(() => stream.destroy(reset), 50),
    );
    const pieces: Uint8Array[] = [];
    const reading = (async () => {
      for await (const piece of gatherBody(stream, blocks, { onBytes })) pieces.push(new Uint8Array(piece));
    })();
    await assert.rejects(reading, reset);
    await sent;
    assert.equal(Buffer.concat(pieces).length, size);
    assert.ok(Buffer.concat(pieces).equals(content.subarray(0, size)));
    assert.equal(blocks.out.size, 0);
  }
});

test('a body that was broken off before anybody read it is an error', async () => {
  const stream = new PassThrough();
  stream.destroy();
  await turn();
  await assert.rejects(piecesOf(gatherBody(stream, createSharedBlocks(), { onBytes })));
});

test('more than was announced is handed on before the end', { timeout: 10_000 }, async () => {
  for (const announced of [5, 2 * MIB]) {
    const stream = new PassThrough();
    const body = gatherBody(stream, createSharedBlocks(), { onBytes, announced });
    void send(stream, content.subarray(0, announced + 1), 50 * KIB);
    let size = 0;
    while (size <= announced) size += (await body.next()).value?.length ?? 0;
    assert.equal(size, announced + 1);
    await body.return();
  }
});

test('a reader that is slow lets few pieces wait, and one that stops leaves the rest', {
  timeout: 10_000,
}, async () => {
  const stream = new PassThrough();
  const blocks = spoiledBlocks();
  let counted = 0;
  const body = gatherBody(stream, blocks, { onBytes: (count) => (counted += count) });
  void send(stream, content, 64 * KIB);
  assert.equal((await body.next()).value?.length, MIB);
  for (let count = 0; count < 500; count += 1) await turn();
  assert.ok(counted < 4 * MIB, `${counted} bytes were read ahead`);
  await body.return();
  assert.equal(blocks.out.size, 0);
  assert.deepEqual(await body.next(), { done: true, value: undefined });
  const rest = content.length - counted;
  let seen = 0;
  stream.on('data', (chunk: Buffer) => {
    seen += chunk.length;
  });
  stream.resume();
  while (seen < rest) await turn();
  assert.equal(seen, rest);
});

test('when many are lent, blocks are small, and those of 1 MiB come back', () => {
  const blocks = createSharedBlocks();
  const lent = Array.from({ length: 40 }, () => blocks.borrow());
  assert.deepEqual(new Set(lent.map(({ length }) => length)), new Set([MIB, 64 * KIB]));
  assert.equal(lent.filter(({ length }) => length === MIB).length, 16);
  for (const block of lent) blocks.giveBack(block.subarray(0, 5));
  assert.equal(blocks.borrow().length, MIB);
});
