// Which keys reach a driver.
import assert from 'node:assert/strict';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { bytes, noChunks, text } from './content.ts';
import type { Case } from './suite.ts';

const HOSTILE_KEYS = [
  '',
  '/',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  '../a',
  'a/..',
  'a/../b',
  'a/./b',
  '.hidden',
  'a/.hidden',
  '.berth/incoming/x',
  'a b',
  'a\nb',
  'a\0b',
  'a\\b',
  'ä',
  'a/é/b',
  'a+b',
  'a:b',
  'a%2fb',
  'a*',
  `${'a'.repeat(256)}`,
  `${'a/'.repeat(480)}a`,
];

const FRIENDLY_KEYS = [
  'a',
  '1',
  'a.b',
  'a-b_c',
  '_uploads',
  '-',
  'a/b.a',
  'Upper/Case',
  'a1/b2/c3/d4/e5/f6/g7',
  '0-9/abcdefg/abcdefg/data',
  'a'.repeat(255),
  `${'k/'.repeat(479)}kk`,
];

export const keyCases: readonly Case[] = [
  {
    title: 'every valid key can be written, read and listed',
    async run(driver) {
      for (const key of FRIENDLY_KEYS) {
        await driver.write(key, bytes(key));
        assert.equal(text(await driver.read(key)), key);
        const slash = key.lastIndexOf('/');
        const names = (await driver.list(key.slice(0, Math.max(slash, 0)))).map(({ name }) => name);
        assert.ok(names.includes(key.slice(slash + 1)), key);
        await driver.delete(key);
      }
    },
  },
  {
    title: 'a hostile key is refused by every method, and nothing is made',
    async run(driver) {
      for (const key of HOSTILE_KEYS) {
        for (const call of callsWith(driver, key)) {
          await assert.rejects(call, { name: 'DriverError', code: 'invalidKey' }, JSON.stringify(key));
        }
        if (key === '') continue;
        await assert.rejects(driver.list(key), { code: 'invalidKey' }, JSON.stringify(key));
      }
      assert.deepEqual(await driver.list(''), []);
    },
  },
  {
    title: 'a staged write with a size that is none is refused',
    async run(driver) {
      for (const size of [-1, 0.5, Number.NaN, 2 ** 53]) {
        const write = { key: 'a/staged', size };
        for (const call of [
          () => driver.append(write, noChunks()),
          () => driver.openStaged(write),
          () => driver.commit(write, 'a/object'),
        ]) {
          await assert.rejects(call, { name: 'DriverError', code: 'failed' });
        }
      }
      assert.deepEqual(await driver.list(''), []);
    },
  },
];

function callsWith(driver: StorageDriver, key: string): (() => Promise<unknown>)[] {
  return [
    () => driver.read(key),
    () => driver.write(key, bytes('x')),
    () => driver.write('good', bytes('x'), { followers: [{ key, content: bytes('x') }] }),
    () => driver.stat(key),
    () => driver.openRead(key),
    () => driver.delete(key),
    () => driver.append({ key, size: 0 }, noChunks()),
    () => driver.openStaged({ key, size: 0 }),
    () => driver.commit({ key, size: 0 }, 'good'),
    () => driver.commit({ key: 'good', size: 0 }, key),
    () => driver.commit({ key: 'good', size: 0 }, 'good', { followers: [{ key, content: bytes('x') }] }),
    () => driver.abort({ key, size: 0 }),
  ];
}
