// Objects: what is written is read, replaced in one step, and gone when it was deleted.
import assert from 'node:assert/strict';
import { orAbsent } from '../../src/registry/content.ts';
import { newStagedWrite, type Sealing, type StorageDriver } from '../../storage-drivers/driver.ts';
import { bytes, chunksOf, equalBytes, gather, MIB, pattern, putLarge, text } from './content.ts';
import type { Case } from './suite.ts';

const NOT_FOUND = { name: 'DriverError', code: 'keyNotFound' };

export const objectCases: readonly Case[] = [
  {
    title: 'a new store has nothing in it',
    async run(driver) {
      assert.deepEqual(await driver.list(''), []);
    },
  },
  {
    title: 'objects of every size read as they were written',
    async run(driver) {
      for (const size of [0, 1, 2, 4095, 4096, 4097, 65_535, 65_536, 65_537, MIB, 3 * MIB + 5]) {
        const content = pattern(size);
        await driver.write('sizes/object', content);
        assert.ok(equalBytes(await driver.read('sizes/object'), content), `${size} bytes`);
        assert.ok(equalBytes(await gather(await driver.openRead('sizes/object')), content), `${size} bytes`);
        assert.equal((await driver.stat('sizes/object')).size, size);
      }
    },
  },
  {
    title: 'a seal stays with the bytes that it was said of, or was said not to be kept',
    async run(driver) {
      const sealOf = async (key: string) => {
        const reader = await driver.openRead(key);
        await reader.close();
        const { seal } = await driver.stat(key);
        assert.equal(reader.seal, seal);
        return seal;
      };
      const staged = async () => driver.append(newStagedWrite('uploads/1/data'), chunksOf(pattern(MIB)));
      const check = async ({ isKept, version }: Sealing, seal: string) => {
        assert.equal(await sealOf('sealed'), isKept ? seal : undefined);
        if (version !== undefined) assert.equal(version, (await driver.stat('sealed')).version);
      };
      await check(await driver.write('sealed', bytes('one'), { seal: 'sha256:one' }), 'sha256:one');
      assert.deepEqual(await driver.write('sealed', bytes('two')), { isKept: false });
      assert.equal(await sealOf('sealed'), undefined);
      await check(await driver.commit(await staged(), 'sealed', { seal: 'sha256:three' }), 'sha256:three');
      assert.deepEqual(await driver.commit(await staged(), 'sealed'), { isKept: false });
      assert.equal(await sealOf('sealed'), undefined);
      const held = await driver.append(newStagedWrite('uploads/1/data', undefined, 65_536), bytes('four'));
      await check(await driver.commit(held, 'sealed', { seal: 'sha256:four' }), 'sha256:four');
    },
  },
  {
    title: 'what is made behind an object is seen only when all before it is there',
    async run(driver) {
      const followers = ['first', 'second'].map((name) => ({ key: `behind/${name}`, content: bytes(name) }));
      const large = await driver.append(newStagedWrite('uploads/1/data'), chunksOf(pattern(MIB)));
      const held = await driver.append(newStagedWrite('uploads/2/data', undefined, 65_536), bytes('held'));
      for (const make of [
        () => driver.write('behind/object', bytes('small'), { followers }),
        () => driver.write('behind/object', bytes('small'), { followers, durable: false }),
        () => driver.write('behind/object', bytes('small'), { followers, fresh: true }),
        () => driver.write('behind/object', pattern(100_000), { followers }),
        () => driver.commit(large, 'behind/object', { followers }),
        () => driver.commit(held, 'behind/object', { followers }),
      ]) {
        await driver.delete('behind');
        let isOver = false;
        const made = make().finally(() => {
          isOver = true;
        });
        while (!isOver) {
          // The last first: what comes meanwhile would look as if it had been there.
          const isThere = [];
          for (const key of ['behind/second', 'behind/first', 'behind/object'])
            isThere.push(await exists(driver, key));
          const [second, first, object] = isThere;
          assert.ok((!second || first) && (!first || object), `${isThere}`);
        }
        await made;
        assert.deepEqual(
          (await driver.list('behind')).map(({ name }) => name),
          ['first', 'object', 'second'],
        );
        for (const { key, content } of followers) assert.ok(equalBytes(await driver.read(key), content));
      }
    },
  },
  {
    title: 'an object that is alone under its key goes when it is deleted as such',
    async run(driver) {
      await driver.write('alone/object', bytes('x'));
      await driver.delete('alone/object', { alone: true });
      await driver.delete('alone/object', { alone: true });
      await assert.rejects(driver.read('alone/object'), NOT_FOUND);
    },
  },
  {
    title: 'bytes that are not UTF-8 stay as they are',
    async run(driver) {
      const content = Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0xff, 0xfe, 0, 0xc3, 0x28, 0x0d, 0x0a);
      await driver.write('raw', content);
      assert.deepEqual(new Uint8Array(await driver.read('raw')), content);
    },
  },
  {
    title: 'an empty object exists and gives no chunk',
    async run(driver) {
      await driver.write('empty', new Uint8Array(0));
      assert.equal((await driver.stat('empty')).size, 0);
      assert.equal((await driver.read('empty')).length, 0);
      for await (const _chunk of (await driver.openRead('empty')).content) assert.fail('a chunk');
    },
  },
  {
    title: 'the caller may change its bytes after a write, and the bytes that it read',
    async run(driver) {
      const content = bytes('first');
      await driver.write('mine', content);
      content.fill(0);
      (await driver.read('mine')).fill(0);
      assert.equal(text(await driver.read('mine')), 'first');
    },
  },
  {
    title: 'only the part of a buffer that was handed over is written',
    async run(driver) {
      await driver.write('part', bytes('__middle__').subarray(2, 8));
      assert.equal(text(await driver.read('part')), 'middle');
    },
  },
  {
    title: 'a shorter object replaces a longer one whole',
    async run(driver) {
      await driver.write('same', pattern(10_000));
      await driver.write('same', bytes('short'));
      assert.equal(text(await driver.read('same')), 'short');
      await putLarge(driver, 'same', bytes('tiny'));
      assert.equal(text(await driver.read('same')), 'tiny');
    },
  },
  {
    title: 'the same object can be written again and again',
    async run(driver) {
      for (let count = 0; count < 20; count += 1) {
        await driver.write('again', bytes(`value ${count}`));
        assert.equal(text(await driver.read('again')), `value ${count}`);
      }
    },
  },
  {
    title: 'a write that need not last is read like any other',
    async run(driver) {
      await driver.write('cache/entry', bytes('once'), { durable: false });
      await driver.write('cache/entry', bytes('twice'), { durable: false });
      assert.equal(text(await driver.read('cache/entry')), 'twice');
      await driver.delete('cache/entry', { durable: false });
      await assert.rejects(driver.read('cache/entry'), NOT_FOUND);
    },
  },
  {
    title: 'what does not exist is not found',
    async run(driver) {
      await driver.write('there/is', bytes('x'));
      for (const key of ['no', 'there/not', 'no/such/way', 'there/is/not']) {
        await assert.rejects(driver.read(key), { ...NOT_FOUND, action: 'read', key });
        await assert.rejects(driver.stat(key), { ...NOT_FOUND, action: 'stat', key });
        await assert.rejects(driver.openRead(key), { ...NOT_FOUND, action: 'openRead', key });
      }
    },
  },
  {
    title: 'a prefix is not an object',
    async run(driver) {
      await driver.write('a/b/c', bytes('x'));
      for (const key of ['a', 'a/b']) {
        await assert.rejects(driver.read(key), NOT_FOUND);
        await assert.rejects(driver.stat(key), NOT_FOUND);
        await assert.rejects(driver.openRead(key), NOT_FOUND);
      }
    },
  },
  {
    title: 'the version differs when the bytes do, and holds while they do not',
    async run(driver) {
      await driver.write('versioned', bytes('one'));
      let last = await driver.stat('versioned');
      assert.deepEqual(await driver.stat('versioned'), last);
      const reader = await driver.openRead('versioned');
      await reader.close();
      const { size, version, modifiedAt } = reader;
      assert.deepEqual({ size, version, modifiedAt }, last);
      assert.ok(last.modifiedAt instanceof Date && last.modifiedAt.getTime() > 0);
      await reader.close();
      for (const word of ['two', 'six', 'ten']) {
        await driver.write('versioned', bytes(word));
        const next = await driver.stat('versioned');
        assert.notEqual(next.version, last.version, `"${word}" has the size of the one before`);
        last = next;
      }
      await putLarge(driver, 'versioned', bytes('end'));
      assert.notEqual((await driver.stat('versioned')).version, last.version);
    },
  },
  {
    title: 'a deleted object is gone, and its empty prefixes with it',
    async run(driver) {
      await driver.write('x/y/z/object', bytes('x'));
      await driver.write('x/sibling', bytes('x'));
      await driver.delete('x/y/z/object');
      await assert.rejects(driver.read('x/y/z/object'), NOT_FOUND);
      assert.deepEqual(await driver.list('x'), [{ name: 'sibling', kind: 'object' }]);
      await driver.delete('x/sibling');
      assert.deepEqual(await driver.list(''), []);
    },
  },
  {
    title: 'deleting a prefix deletes everything below it, and spares what only begins the same',
    async run(driver) {
      const spared = ['repo-x/data', 'repo.x', 'repox', 'rep', 'other/repo/data'];
      for (const key of ['repo/a', 'repo/b/c', 'repo/b/d/e', ...spared]) await driver.write(key, bytes(key));
      await driver.delete('repo');
      assert.deepEqual(await driver.list('repo'), []);
      for (const key of ['repo/a', 'repo/b/c', 'repo/b/d/e'])
        await assert.rejects(driver.read(key), NOT_FOUND);
      for (const key of spared) assert.equal(text(await driver.read(key)), key);
    },
  },
  {
    title: 'deleting what is not there is no error',
    async run(driver) {
      await driver.delete('nothing');
      await driver.delete('nothing/at/all');
      await driver.write('some', bytes('x'));
      await driver.delete('some/thing');
      await driver.delete('some');
      await driver.delete('some');
      await assert.rejects(driver.read('some'), NOT_FOUND);
    },
  },
  {
    title: 'a deleted key can be written again',
    async run(driver) {
      await driver.write('p/q/r', bytes('before'));
      await driver.delete('p');
      await driver.write('p/q/r', bytes('after'));
      assert.equal(text(await driver.read('p/q/r')), 'after');
    },
  },
];

async function exists(driver: StorageDriver, key: string): Promise<boolean> {
  return (await orAbsent(driver.stat(key))) !== undefined;
}
