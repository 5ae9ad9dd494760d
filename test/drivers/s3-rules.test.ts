// The rules of the S3 driver that need no store: how bytes are cut into parts, when pieces are merged, what errors mean.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absorbed, compacted } from '../../storage-drivers/s3/compaction.ts';
import { evenRanges } from '../../storage-drivers/s3/copies.ts';
import { asDriverError } from '../../storage-drivers/s3/errors.ts';
import {
  createPartMemory,
  cutIntoParts,
  type Part,
  partLength,
  runSome,
} from '../../storage-drivers/s3/parts.ts';
import { createRetryStrategy } from '../../storage-drivers/s3/retries.ts';
import { endpointUrl, lengthsOf, rootPrefix } from '../../storage-drivers/s3/settings.ts';
import type { Piece } from '../../storage-drivers/s3/staged-detail.ts';
import { chunksOf, equalBytes, MIB, pattern } from './content.ts';

const GIB = 1024 * MIB;

test('ten thousand parts hold more than 100 GB, whatever the chunk size', () => {
  for (const first of [5 * MIB, 10 * MIB, 64 * MIB]) {
    const total = Array.from({ length: 10_000 }, (_, index) => partLength(index, first));
    assert.ok(total.reduce((sum, length) => sum + length) > 100 * GIB);
    assert.ok(Math.max(...total) <= 10 * first);
  }
});

test('content is cut into parts of the wanted length, none of which is too short', async () => {
  const memory = createPartMemory(10 * MIB);
  for (const size of [0, 1, 14 * MIB, 15 * MIB - 1, 15 * MIB, 15 * MIB + 1, 26 * MIB, 47 * MIB]) {
    for (const chunkLength of [65_536, 3 * MIB + 1, 50 * MIB]) {
      const content = pattern(size);
      const parts: Part[] = [];
      for await (const part of cutIntoParts(chunksOf(content, chunkLength), () => 10 * MIB, memory))
        parts.push(part);
      assert.ok(equalBytes(Buffer.concat(parts.map(({ bytes }) => bytes)), content));
      assert.deepEqual(
        parts.map(({ isLast }) => isLast),
        parts.map((_, index) => index === parts.length - 1),
      );
      for (const { bytes, isLast } of parts) {
        if (!isLast) assert.equal(bytes.length, 10 * MIB);
        else if (parts.length > 1) assert.ok(bytes.length >= 5 * MIB && bytes.length < 15 * MIB);
      }
    }
  }
});

test('memory of parts is used again when it was given back, once, and never while somebody has it', () => {
  const memory = createPartMemory(MIB);
  const [first, second] = [memory.borrow(MIB), memory.borrow(MIB)];
  assert.notEqual(first.buffer, second.buffer);
  memory.giveBack(first.subarray(0, 10));
  memory.giveBack(first);
  assert.equal(memory.borrow(MIB).buffer, first.buffer);
  assert.notEqual(memory.borrow(MIB).buffer, first.buffer);
  const foreign = Buffer.alloc(MIB);
  memory.giveBack(foreign);
  assert.notEqual(memory.borrow(MIB).buffer, foreign.buffer);
});

test('ranges of a copy cover everything once, and are of nearly the same length', () => {
  for (const size of [1, 10 * MIB, 32 * MIB, 32 * MIB + 1, 33 * MIB, 100 * GIB + 7]) {
    const ranges = evenRanges(size, 32 * MIB);
    let position = 0;
    for (const { start, end } of ranges) {
      assert.equal(start, position);
      position = end + 1;
      if (ranges.length > 1) assert.ok(position - start > 15 * MIB && position - start <= 32 * MIB);
    }
    assert.equal(position, size);
  }
});

test('no more than two tasks run at the same time, and results keep their order', async () => {
  let running = 0;
  let most = 0;
  const task = (index: number) => async () => {
    running += 1;
    most = Math.max(most, running);
    for (let turn = 0; turn < 10 - index; turn += 1) await new Promise(setImmediate);
    running -= 1;
    return index;
  };
  assert.deepEqual(await runSome([0, 1, 2, 3, 4, 5].map(task), 2), [0, 1, 2, 3, 4, 5]);
  assert.equal(most, 2);
});

test('after a failure the other tasks are aborted, and have ended when it is thrown', async () => {
  let hasEnded = false;
  const failure = new Error('the store');
  const waiting = async (signal: AbortSignal) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    await new Promise(setImmediate);
    hasEnded = true;
  };
  const failing = async () => {
    throw failure;
  };
  await assert.rejects(runSome<void>([waiting, failing], 2), failure);
  assert.ok(hasEnded);
});

test('pieces stay few, whatever the length of the chunks, and no byte is merged often', () => {
  for (const length of [1, 1024, 100_000, MIB, 4 * MIB, 5 * MIB - 1]) {
    let small: Piece[] = [];
    let written = 0;
    for (let count = 0; count < 3000; count += 1) {
      const merged = absorbed(small, length);
      const size = merged.reduce((sum, piece) => sum + piece.size, length);
      const level = merged.reduce((highest, piece) => Math.max(highest, piece.level + 1), 0);
      written += size;
      small = small.slice(0, small.length - merged.length);
      if (size < 5 * MIB) small.push({ id: `${count}`, size, level });
      assert.ok(small.length <= 31 * 3);
      assert.ok(small.reduce((sum, piece) => sum + piece.size, 0) < 5 * MIB);
    }
    assert.ok(written <= 4 * 3000 * length, `${length}: ${written}`);
  }
});

test('large pieces are merged when there are 256 of one level', () => {
  const pieces = (count: number, level: number): Piece[] =>
    Array.from({ length: count }, (_, index) => ({ id: `${level}-${index}`, size: 5 * MIB, level }));
  assert.equal(compacted(pieces(255, 0)).length, 0);
  assert.equal(compacted(pieces(256, 0)).length, 256);
  assert.deepEqual(compacted([...pieces(3, 1), ...pieces(256, 0)]), pieces(256, 0));
  assert.equal(compacted([...pieces(255, 1), ...pieces(255, 0)]).length, 0);
});

test('settings come to the lengths that S3 bears', () => {
  const bucket = 'b';
  assert.throws(() => lengthsOf({ bucket, chunksize: 5 * MIB - 1 }), RangeError);
  assert.throws(() => lengthsOf({ bucket, chunksize: Number.NaN }), RangeError);
  assert.equal(lengthsOf({ bucket }).copiedWhole, 32 * MIB);
  assert.equal(lengthsOf({ bucket, regionendpoint: 'ceph:7480' }).copiedWhole, 5 * GIB);
  assert.equal(lengthsOf({ bucket, multipartcopythresholdsize: 50 * GIB }).copiedWhole, 5 * GIB);
  assert.equal(lengthsOf({ bucket, multipartcopychunksize: 1 }).copiedPart, 10 * MIB);
  assert.equal(lengthsOf({ bucket, multipartcopymaxconcurrency: 5000 }).copiesAtOnce, 100);
});

test('endpoints and root directories are taken as the registry image takes them', () => {
  assert.equal(endpointUrl('ceph:7480', true), 'https://ceph:7480');
  assert.equal(endpointUrl('ceph:7480', false), 'http://ceph:7480');
  assert.equal(endpointUrl('http://ceph:7480', true), 'http://ceph:7480');
  const roots = [undefined, '', '/', '/a/b/', 'a/b'].map((rootdirectory) =>
    rootPrefix({ bucket: 'b', rootdirectory }),
  );
  assert.deepEqual(roots, ['', '', '', 'a/b/', 'a/b/']);
});

test('a request is made six times at most, after pauses, and not again after a mistake of the caller', async () => {
  const strategy = createRetryStrategy();
  let token = await strategy.acquireInitialRetryToken('');
  for (let attempt = 2; attempt <= 6; attempt += 1) {
    token = await strategy.refreshRetryTokenForRetry(token, { errorType: 'THROTTLING' });
    assert.ok(token.getRetryDelay() >= 0 && token.getRetryDelay() <= 5000);
  }
  await assert.rejects(strategy.refreshRetryTokenForRetry(token, { errorType: 'THROTTLING' }));
  const first = await strategy.acquireInitialRetryToken('');
  await assert.rejects(strategy.refreshRetryTokenForRetry(first, { errorType: 'CLIENT_ERROR' }));
});

test("the store's errors become words of the drivers", () => {
  const facts = { driver: 's3', action: 'read', key: 'k' };
  const named = (name: string, httpStatusCode?: number) =>
    Object.assign(new Error(name), { name, $metadata: { httpStatusCode } });
  const meant = {
    keyNotFound: [named('NoSuchKey', 404), named('NotFound', 404), named('Unknown', 404)],
    busy: [
      named('SlowDown', 503),
      named('Unknown', 503),
      named('TimeoutError'),
      Object.assign(new Error(), { code: 'ECONNREFUSED' }),
    ],
    denied: [
      named('AccessDenied', 403),
      named('SignatureDoesNotMatch', 403),
      named('CredentialsProviderError'),
    ],
    noSpace: [named('QuotaExceeded', 403), named('Unknown', 507)],
    failed: [named('NoSuchBucket', 404), named('InvalidArgument', 400), 'a string', undefined],
  };
  for (const [code, errors] of Object.entries(meant)) {
    for (const error of errors) {
      const translated = asDriverError(error, facts);
      assert.equal(translated.code, code);
      assert.equal(translated.cause, error);
    }
  }
});
