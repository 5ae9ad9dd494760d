// Callers at the same time: an object is whole or absent, and what was acknowledged is not lost.
import assert from 'node:assert/strict';
import { newStagedWrite, type StorageDriver } from '../../storage-drivers/driver.ts';
import { isKeyNotFound } from '../../storage-drivers/errors.ts';
import { bytes, chunksOf, equalBytes, gather, pattern, text } from './content.ts';
import type { Case } from './suite.ts';

export const raceCases: readonly Case[] = [
  {
    title: 'of a hundred writers of one key one wins, whole',
    async run(driver) {
      const contents = Array.from({ length: 100 }, (_, index) => pattern(20_000 + index, index));
      await Promise.all(contents.map((content) => driver.write('contended/key', content)));
      const winner = await driver.read('contended/key');
      assert.ok(contents.some((content) => equalBytes(content, winner)));
    },
  },
  {
    title: 'of many commits to one key one wins, whole',
    async run(driver) {
      const contents = Array.from({ length: 20 }, (_, index) => pattern(90_000 + index, index));
      await Promise.all(
        contents.map(async (content, index) => {
          const write = await driver.append(newStagedWrite(`uploads/${index}/data`), chunksOf(content));
          await driver.commit(write, 'blobs/one');
        }),
      );
      const winner = await driver.read('blobs/one');
      assert.ok(contents.some((content) => equalBytes(content, winner)));
      assert.deepEqual(await driver.list('uploads'), []);
    },
  },
  {
    title: 'readers of an object that is being replaced see one of its values, whole',
    async run(driver) {
      const values = Array.from({ length: 8 }, (_, index) => pattern(150_000 - index * 10_000, index));
      await driver.write('tag/link', pattern(150_000, 0));
      let writing = true;
      const writer = async () => {
        for (let round = 0; round < 5; round += 1) {
          for (const value of values) await driver.write('tag/link', value);
        }
        writing = false;
      };
      const reader = async (read: () => Promise<Uint8Array>) => {
        let reads = 0;
        while (writing || reads === 0) {
          const seen = await read();
          assert.ok(values.some((value) => equalBytes(value, seen)));
          reads += 1;
        }
      };
      await Promise.all([
        writer(),
        reader(() => driver.read('tag/link')),
        reader(async () => gather(await driver.openRead('tag/link'))),
        reader(async () => {
          const { size } = await driver.stat('tag/link');
          return values.find((value) => value.length === size) ?? new Uint8Array(0);
        }),
      ]);
    },
  },
  {
    title: 'a write into a prefix that is being emptied is not lost',
    async run(driver) {
      for (let round = 0; round < 40; round += 1) {
        await driver.write('repo/deep/prefix/old', bytes('old'));
        await Promise.all([
          driver.delete('repo/deep/prefix/old'),
          driver.write('repo/deep/prefix/new', bytes(`${round}`)),
          driver.write('repo/deep/other/new', bytes(`${round}`)),
        ]);
        assert.equal(text(await driver.read('repo/deep/prefix/new')), `${round}`);
        assert.equal(text(await driver.read('repo/deep/other/new')), `${round}`);
        await assert.rejects(driver.read('repo/deep/prefix/old'), { code: 'keyNotFound' });
        await driver.delete('repo/deep/prefix/new');
        await driver.delete('repo/deep/other/new');
      }
    },
  },
  {
    title: 'commits and appends beside deletions in the same prefixes are not lost',
    async run(driver, another) {
      const second = await another();
      await Promise.all(
        Array.from({ length: 12 }, async (_, lane) => {
          const mine = lane % 2 === 0 ? driver : second;
          for (let round = 0; round < 10; round += 1) await pushAndDelete(mine, lane, round);
        }),
      );
      assert.deepEqual(await driver.list(''), []);
    },
  },
  {
    title: 'deleting a prefix while it is written to leaves each object whole or absent',
    async run(driver) {
      const content = pattern(30_000);
      for (let round = 0; round < 10; round += 1) {
        const keys = Array.from({ length: 8 }, (_, index) => `tree/${index % 3}/object-${index}`);
        await Promise.all([
          ...keys.map((key) => driver.write(key, content)),
          driver.delete('tree'),
          driver.delete('tree/1'),
        ]);
        for (const key of keys) {
          const found = await driver.read(key).catch((error: unknown) => {
            if (!isKeyNotFound(error)) throw error;
          });
          assert.ok(found === undefined || equalBytes(found, content));
        }
        await driver.delete('tree');
        assert.deepEqual(await driver.list(''), []);
      }
    },
  },
];

async function pushAndDelete(driver: StorageDriver, lane: number, round: number): Promise<void> {
  const content = bytes(`lane ${lane} round ${round}`);
  const write = await driver.append(newStagedWrite(`uploads/${lane}/data`), chunksOf(content, 5));
  await driver.commit(write, `blobs/shared/${lane}/data`);
  assert.ok(equalBytes(await driver.read(`blobs/shared/${lane}/data`), content));
  await driver.delete(`blobs/shared/${lane}`);
}
