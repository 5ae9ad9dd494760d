// Staged writes: large objects that come in pieces, from one process or several.
import assert from 'node:assert/strict';
import { newStagedWrite, type StagedWrite, type StorageDriver } from '../../storage-drivers/driver.ts';
import { DriverError } from '../../storage-drivers/errors.ts';
import {
  bytes,
  chunksOf,
  equalBytes,
  failingAfter,
  gather,
  MIB,
  noChunks,
  pattern,
  putLarge,
  revived,
  text,
} from './content.ts';
import type { Case } from './suite.ts';

const NOT_FOUND = { name: 'DriverError', code: 'keyNotFound' };
const STAGED = 'uploads/1/data';

/** A value that holds its bytes stays good: whoever keeps it has to forget it. */
const ABOUT_KEPT_BYTES = new Set([
  'a write can be committed once',
  'an aborted write is gone, as often as it is aborted, and its key can be used again',
  'deleting the prefix above a staged write removes its bytes',
]);

/** Nearly everything holds for writes whose first bytes are held by the value itself, too. */
export const stagedCases: readonly Case[] = [
  {
    title: 'content that a failed append began to read is given up: its sender is not left waiting',
    async run(driver) {
      let state = 'untouched';
      async function* content() {
        state = 'begun';
        try {
          for (let count = 0; count < 100; count += 1) yield pattern(64 * 1024);
        } finally {
          state = 'given up';
        }
      }
      await assert.rejects(driver.append({ key: 'gone/data', size: 5 }, content()), { code: 'keyNotFound' });
      assert.notEqual(state, 'begun');
    },
  },
  ...casesFor('', () => newStagedWrite(STAGED)),
  ...casesFor(', also when the write may hold bytes itself', () => newStagedWrite(STAGED, undefined, 65_536)),
];

/** All chunks are in the same memory, one after the other, and threads share it. */
async function* reusingOneMemory(content: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  const memory = new Uint8Array(new SharedArrayBuffer(length));
  for (let start = 0; start < content.length; start += length) {
    const chunk = content.subarray(start, start + length);
    memory.set(chunk);
    yield memory.subarray(0, chunk.length);
    memory.fill(255);
  }
}

function casesFor(suffix: string, begin: () => StagedWrite): readonly Case[] {
  return cases(begin)
    .filter(({ title }) => suffix === '' || !ABOUT_KEPT_BYTES.has(title))
    .map((each) => ({ ...each, title: `${each.title}${suffix}` }));
}

function cases(begin: () => StagedWrite): readonly Case[] {
  return [
    {
      title: 'a chunk is looked at no more when the next one is asked for',
      async run(driver) {
        for (const [index, length] of [1000, 50_000, 300_000].entries()) {
          const content = pattern(3 * length + 7);
          const write = await driver.append(
            { ...begin(), key: `reused/${index}` },
            reusingOneMemory(content, length),
          );
          assert.equal(write.size, content.length);
          await driver.commit(write, `blobs/reused-${index}`);
          assert.ok(equalBytes(await gather(await driver.openRead(`blobs/reused-${index}`)), content));
        }
      },
    },
    {
      title: 'pieces of many lengths add up to the object',
      async run(driver) {
        const content = pattern(6 * MIB + 11);
        let write = begin();
        for (const end of [1, 2, 1000, 65_536, 65_537, MIB, 2 * MIB + 1, 5 * MIB, content.length]) {
          write = await driver.append(write, chunksOf(content.subarray(write.size, end), 50_001));
          assert.equal(write.size, end);
        }
        await driver.commit(write, 'blobs/large');
        assert.ok(equalBytes(await gather(await driver.openRead('blobs/large')), content));
      },
    },
    {
      title: 'bytes that are given at once are kept like those that come in chunks',
      async run(driver) {
        const content = pattern(MIB);
        let write = begin();
        for (const end of [0, 10, 40_000, 70_000, 300_000, content.length]) {
          write = await driver.append(write, content.subarray(write.size, end));
          assert.equal(write.size, end);
          assert.ok(equalBytes(await gather(await driver.openStaged(write)), content.subarray(0, end)));
        }
        await driver.commit(write, 'blobs/object');
        assert.ok(equalBytes(await driver.read('blobs/object'), content));
      },
    },
    {
      title: 'chunks of a byte and of several megabytes are all kept',
      async run(driver) {
        const content = pattern(5 * MIB);
        for (const length of [4 * MIB, 5 * MIB]) {
          const write = await driver.append(begin(), chunksOf(content, length));
          await driver.commit(write, 'blobs/object');
          assert.ok(equalBytes(await gather(await driver.openRead('blobs/object')), content));
        }
        const write = await driver.append(begin(), chunksOf(content.subarray(0, 5000), 1));
        await driver.commit(write, 'blobs/object');
        assert.ok(equalBytes(await driver.read('blobs/object'), content.subarray(0, 5000)));
      },
    },
    {
      title: 'many small appends add up',
      async run(driver) {
        let write = begin();
        for (let count = 0; count < 100; count += 1) write = await driver.append(write, once(`${count},`));
        await driver.commit(write, 'counted');
        const numbers = Array.from({ length: 100 }, (_, index) => `${index},`).join('');
        assert.equal(text(await driver.read('counted')), numbers);
      },
    },
    {
      title: 'an empty append makes the staged bytes exist, and an empty chunk is no end',
      async run(driver) {
        const empty = await driver.append(begin(), noChunks());
        assert.equal(empty.size, 0);
        const write = await driver.append(
          empty,
          (async function* () {
            yield bytes('');
            yield bytes('after');
            yield bytes('');
          })(),
        );
        assert.equal((await driver.append(write, noChunks())).size, 5);
        await driver.commit(write, 'object');
        assert.equal(text(await driver.read('object')), 'after');
      },
    },
    {
      title: 'a write that was never appended to becomes an empty object',
      async run(driver) {
        await driver.commit(begin(), 'empty/never');
        assert.equal((await driver.stat('empty/never')).size, 0);
        await driver.commit(await driver.append(begin(), noChunks()), 'empty/appended');
        assert.equal((await driver.stat('empty/appended')).size, 0);
      },
    },
    {
      title: 'an append to an older state of a write drops what came after it',
      async run(driver) {
        const first = await driver.append(begin(), once('first '));
        await driver.append(first, chunksOf(pattern(2 * MIB)));
        const second = await driver.append(first, once('second'));
        assert.equal(second.size, 12);
        await driver.commit(second, 'object');
        assert.equal(text(await driver.read('object')), 'first second');
      },
    },
    {
      title: 'a commit of an older state takes only its bytes',
      async run(driver) {
        const first = await driver.append(begin(), once('first'));
        await driver.append(first, once(' and more'));
        await driver.commit(first, 'object');
        assert.equal(text(await driver.read('object')), 'first');
      },
    },
    {
      title: 'an error of the content passes through unchanged, and the write stays as it was',
      async run(driver) {
        for (const length of [0, 10, 3 * MIB]) {
          const write = await driver.append(begin(), once('kept'));
          const foreign = new DriverError('failed', { driver: 'other', action: 'openRead', key: 'k' });
          for (const error of [new Error('the client went away'), foreign, 'not even an error', undefined]) {
            const [result] = await Promise.allSettled([
              driver.append(write, failingAfter(pattern(length), error)),
            ]);
            assert.ok(result.status === 'rejected' && Object.is(result.reason, error));
          }
          assert.equal(text(await gather(await driver.openStaged(write))), 'kept');
          await driver.commit(await driver.append(write, once(' on')), 'object');
          assert.equal(text(await driver.read('object')), 'kept on');
        }
      },
    },
    {
      title: 'staged bytes can be read back, up to the size of the write and no further',
      async run(driver) {
        const content = pattern(3 * MIB + 9);
        const write = await driver.append(begin(), chunksOf(content));
        await driver.append(write, once('more'));
        const reader = await driver.openStaged(write);
        assert.equal(reader.size, content.length);
        assert.ok(equalBytes(await gather(reader), content));
        const early = await driver.openStaged(write);
        for await (const _chunk of early.content) break;
        await early.close();
        assert.equal((await gather(await driver.openStaged(newStagedWrite('uploads/2/data')))).length, 0);
      },
    },
    {
      title: 'a write whose bytes are gone or fewer is not found',
      async run(driver) {
        const write = await driver.append(begin(), once('four'));
        for (const lost of [
          { ...write, size: 5 },
          { key: 'uploads/2/data', size: 1 },
        ]) {
          await assert.rejects(driver.append(lost, once('x')), { ...NOT_FOUND, action: 'append' });
          await assert.rejects(driver.openStaged(lost), { ...NOT_FOUND, action: 'openStaged' });
          await assert.rejects(driver.commit(lost, 'object'), { ...NOT_FOUND, action: 'commit' });
        }
        await assert.rejects(driver.stat('object'), NOT_FOUND);
        await driver.commit(write, 'object');
        assert.equal(text(await driver.read('object')), 'four');
      },
    },
    {
      title: 'a write can be committed once',
      async run(driver) {
        const write = await driver.append(begin(), once('once'));
        await driver.commit(write, 'first');
        await assert.rejects(driver.commit(write, 'second'), NOT_FOUND);
        await assert.rejects(driver.openStaged(write), NOT_FOUND);
        assert.equal(text(await driver.read('first')), 'once');
        assert.deepEqual(await driver.list('uploads'), []);
      },
    },
    {
      title: 'a commit replaces an object that is there',
      async run(driver) {
        await driver.write('blobs/x/data', pattern(100_000));
        await putLarge(driver, 'blobs/x/data', bytes('replaced'));
        assert.equal(text(await driver.read('blobs/x/data')), 'replaced');
        assert.deepEqual(await driver.list('blobs/x'), [{ name: 'data', kind: 'object' }]);
      },
    },
    {
      title: 'an aborted write is gone, as often as it is aborted, and its key can be used again',
      async run(driver) {
        const write = await driver.append(begin(), once('abandoned'));
        await driver.abort(write);
        await driver.abort(write);
        await driver.abort(newStagedWrite('uploads/never/data'));
        await assert.rejects(driver.append(write, once('x')), NOT_FOUND);
        await assert.rejects(driver.commit(write, 'object'), NOT_FOUND);
        assert.deepEqual(await driver.list(''), []);
        const again = await driver.append(begin(), once('new'));
        assert.equal(text(await gather(await driver.openStaged(again))), 'new');
      },
    },
    {
      title: 'deleting the prefix above a staged write removes its bytes',
      async run(driver) {
        await driver.write('uploads/1/startedat', bytes('now'));
        const write = await driver.append(begin(), once('x'));
        const other = await driver.append(newStagedWrite('uploads/11/data'), once('other'));
        await driver.delete('uploads/1');
        await assert.rejects(driver.append(write, once('y')), NOT_FOUND);
        assert.equal(text(await gather(await driver.openStaged(other))), 'other');
        await driver.abort(other);
      },
    },
    {
      title: 'a write goes on in another driver, with the same value',
      async run(driver, another) {
        const content = pattern(2 * MIB + 100);
        let write = begin();
        for (let start = 0; start < content.length; start += 700_000) {
          const next: StorageDriver = await another();
          write = await next.append(revived(write), chunksOf(content.slice(start, start + 700_000)));
        }
        await (await another()).commit(revived(write), 'object');
        assert.ok(equalBytes(await driver.read('object'), content));
      },
    },
    {
      title: 'many writes grow side by side without waiting for a stalled one',
      async run(driver) {
        let release = () => {};
        const gate = new Promise<void>((resolve) => {
          release = resolve;
        });
        const stalled = driver.append(
          newStagedWrite('uploads/stalled/data'),
          (async function* () {
            yield bytes('slow');
            await gate;
          })(),
        );
        await Promise.all(
          Array.from({ length: 20 }, async (_, index) => {
            const content = pattern(300_000, index);
            await putLarge(driver, `blobs/${index}`, content);
            assert.ok(equalBytes(await driver.read(`blobs/${index}`), content));
          }),
        );
        release();
        await driver.commit(await stalled, 'blobs/stalled');
        assert.equal(text(await driver.read('blobs/stalled')), 'slow');
      },
    },
  ];
}

async function* once(content: string): AsyncGenerator<Uint8Array> {
  yield bytes(content);
}
