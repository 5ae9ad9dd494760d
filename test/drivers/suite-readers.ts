// Readers: ranges, how long a chunk holds, and giving up early.
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { bytes, equalBytes, gather, MIB, pattern, putLarge, text } from './content.ts';
import type { Case } from './suite.ts';

export const readerCases: readonly Case[] = [
  {
    title: 'a range gives exactly its bytes, at every edge',
    async run(driver) {
      const content = pattern(2 * MIB + 17);
      const last = content.length - 1;
      await putLarge(driver, 'ranges', content);
      const edges: [number, number][] = [
        [0, 0],
        [0, last],
        [last, last],
        [1, last - 1],
        [MIB - 1, MIB],
        [MIB, MIB],
        [MIB, 2 * MIB - 1],
        [MIB + 1, 2 * MIB],
        [2 * MIB, last],
        [65_535, 65_536],
        [5, 70_000],
      ];
      for (const [start, end] of edges) {
        const reader = await driver.openRead('ranges', { start, end });
        assert.equal(reader.size, content.length, 'size is the whole object');
        assert.ok(equalBytes(await gather(reader), content.subarray(start, end + 1)), `${start}-${end}`);
      }
    },
  },
  {
    title: 'a range that the object does not have is refused',
    async run(driver) {
      await driver.write('ten', bytes('0123456789'));
      await driver.write('none', new Uint8Array(0));
      const refused: [string, number, number][] = [
        ['ten', 0, 10],
        ['ten', 10, 10],
        ['ten', 5, 4],
        ['ten', -1, 3],
        ['ten', 0.5, 3],
        ['none', 0, 0],
      ];
      for (const [key, start, end] of refused) {
        await assert.rejects(driver.openRead(key, { start, end }), { name: 'DriverError', code: 'failed' });
      }
    },
  },
  {
    title: 'a chunk holds until the next one is asked for',
    async run(driver) {
      const content = pattern(5 * MIB + 3);
      await putLarge(driver, 'held', content);
      let position = 0;
      for await (const chunk of (await driver.openRead('held')).content) {
        for (let count = 0; count < 20; count += 1) await turn();
        assert.ok(equalBytes(chunk, content.subarray(position, position + chunk.length)));
        position += chunk.length;
      }
      assert.equal(position, content.length);
    },
  },
  {
    title: 'many readers of one object at different speeds all get it whole',
    async run(driver) {
      const content = pattern(3 * MIB + 1);
      await putLarge(driver, 'shared', content);
      const read = async (pauses: number) => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of (await driver.openRead('shared')).content) {
          for (let count = 0; count < pauses; count += 1) await turn();
          chunks.push(chunk.slice());
        }
        assert.ok(equalBytes(Buffer.concat(chunks), content));
      };
      await Promise.all(Array.from({ length: 16 }, (_, index) => read(index)));
    },
  },
  {
    title: 'a reader can be given up after a break, before the first chunk, and twice',
    async run(driver) {
      const content = pattern(4 * MIB);
      await putLarge(driver, 'given-up', content);
      for (let count = 0; count < 10; count += 1) {
        const broken = await driver.openRead('given-up');
        for await (const _chunk of broken.content) break;
        await broken.close();
        const unread = await driver.openRead('given-up');
        await unread.close();
        await unread.close();
        const returned = await driver.openRead('given-up');
        await returned.content[Symbol.asyncIterator]().return?.();
      }
      assert.ok(equalBytes(await gather(await driver.openRead('given-up')), content));
    },
  },
  {
    title: 'a reader that is closed half-way ends with an error, not as if it were complete',
    async run(driver) {
      await putLarge(driver, 'closed', pattern(4 * MIB));
      const reader = await driver.openRead('closed');
      const iterator = reader.content[Symbol.asyncIterator]();
      await iterator.next();
      await reader.close();
      await assert.rejects(
        async () => {
          while (!(await iterator.next()).done);
        },
        { name: 'DriverError', code: 'failed', key: 'closed' },
      );
    },
  },
  {
    title: 'closing while a chunk is being waited for is safe',
    async run(driver) {
      const content = pattern(4 * MIB);
      await putLarge(driver, 'raced', content);
      for (let count = 0; count < 10; count += 1) {
        const reader = await driver.openRead('raced');
        const waiting = Promise.allSettled([reader.content[Symbol.asyncIterator]().next()]);
        await reader.close();
        await waiting;
      }
      assert.ok(equalBytes(await gather(await driver.openRead('raced')), content));
    },
  },
  {
    title: 'an open reader goes on with the old bytes when the object is replaced or deleted',
    async run(driver) {
      const content = pattern(3 * MIB);
      for (const change of [
        () => driver.write('old/object', bytes('new')),
        () => putLarge(driver, 'old/object', pattern(3 * MIB, 2)),
        () => driver.delete('old/object'),
        () => driver.delete('old'),
      ]) {
        await putLarge(driver, 'old/object', content);
        const reader = await driver.openRead('old/object');
        await change();
        assert.ok(equalBytes(await gather(reader), content));
      }
    },
  },
  {
    title: 'a consumer that throws leaves the store as it was',
    async run(driver) {
      await putLarge(driver, 'thrown', pattern(3 * MIB));
      const reader = await driver.openRead('thrown');
      const error = new Error('the client went away');
      await assert.rejects(async () => {
        for await (const _chunk of reader.content) throw error;
      }, error);
      await driver.write('thrown', bytes('fine'));
      assert.equal(text(await driver.read('thrown')), 'fine');
    },
  },
];
