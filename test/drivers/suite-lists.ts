// Lists: the names directly below a prefix, in the order of their bytes, page by page.
import assert from 'node:assert/strict';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { bytes } from './content.ts';
import type { Case } from './suite.ts';

export const listCases: readonly Case[] = [
  {
    title: 'a list has the names directly below a prefix, each once',
    async run(driver) {
      await fill(driver, ['top', 'a/one', 'a/two', 'a/deep/er/still', 'a/deep/est', 'b/x']);
      assert.deepEqual(await driver.list(''), [
        { name: 'a', kind: 'prefix' },
        { name: 'b', kind: 'prefix' },
        { name: 'top', kind: 'object' },
      ]);
      assert.deepEqual(await driver.list('a'), [
        { name: 'deep', kind: 'prefix' },
        { name: 'one', kind: 'object' },
        { name: 'two', kind: 'object' },
      ]);
      assert.deepEqual(await driver.list('a/deep'), [
        { name: 'er', kind: 'prefix' },
        { name: 'est', kind: 'object' },
      ]);
    },
  },
  {
    title: 'a list of nothing is empty, as is that of an object',
    async run(driver) {
      await driver.write('a/object', bytes('x'));
      assert.deepEqual(await driver.list('nothing'), []);
      assert.deepEqual(await driver.list('a/nothing/here'), []);
      assert.deepEqual(await driver.list('a/object'), []);
      assert.deepEqual(await driver.list('a/object/below'), []);
    },
  },
  {
    title: 'names are sorted by their bytes',
    async run(driver) {
      const names = [
        '-',
        '0',
        '1',
        '10',
        '2',
        'A',
        'Z',
        '_',
        '_x',
        'a',
        'a-',
        'a.',
        'a0',
        'aA',
        'a_',
        'aa',
        'z',
      ];
      await fill(
        driver,
        names.map((name) => `sorted/${name}`),
      );
      assert.deepEqual(await namesOf(driver, 'sorted'), names);
    },
  },
  {
    title: 'a prefix whose name begins like another is neither lost nor mixed up',
    async run(driver) {
      await fill(driver, ['app/x', 'app-x/y', 'app.x/z', 'app0', 'ap/p']);
      assert.deepEqual(await driver.list(''), [
        { name: 'ap', kind: 'prefix' },
        { name: 'app', kind: 'prefix' },
        { name: 'app-x', kind: 'prefix' },
        { name: 'app.x', kind: 'prefix' },
        { name: 'app0', kind: 'object' },
      ]);
      assert.deepEqual(await namesOf(driver, 'app'), ['x']);
      for (const limit of [1, 2, 3]) {
        assert.deepEqual(await pageThrough(driver, '', limit), ['ap', 'app', 'app-x', 'app.x', 'app0']);
      }
    },
  },
  {
    title: 'pages of every length add up to the whole list',
    async run(driver) {
      const names = Array.from({ length: 23 }, (_, index) => `n${String(index).padStart(2, '0')}`);
      await fill(
        driver,
        names.map((name, index) => (index % 3 === 0 ? `pages/${name}/object` : `pages/${name}`)),
      );
      for (const limit of [1, 2, 7, 22, 23, 24, 1000]) {
        assert.deepEqual(await pageThrough(driver, 'pages', limit), names, `pages of ${limit}`);
      }
    },
  },
  {
    title: 'a list goes on after a name that does not exist, and after the last one there is nothing',
    async run(driver) {
      await fill(driver, ['l/b', 'l/d/x', 'l/f']);
      assert.deepEqual(await namesOf(driver, 'l', 'a'), ['b', 'd', 'f']);
      assert.deepEqual(await namesOf(driver, 'l', 'b'), ['d', 'f']);
      assert.deepEqual(await namesOf(driver, 'l', 'c'), ['d', 'f']);
      assert.deepEqual(await namesOf(driver, 'l', 'd'), ['f']);
      assert.deepEqual(await namesOf(driver, 'l', 'd-'), ['f']);
      assert.deepEqual(await namesOf(driver, 'l', 'f'), []);
      assert.deepEqual(await namesOf(driver, 'l', 'zz'), []);
    },
  },
];

async function fill(driver: StorageDriver, keys: readonly string[]): Promise<void> {
  await Promise.all(keys.map((key) => driver.write(key, bytes(key))));
}

async function namesOf(driver: StorageDriver, prefix: string, after?: string): Promise<string[]> {
  const entries = await driver.list(prefix, after === undefined ? {} : { after });
  return entries.map(({ name }) => name);
}

async function pageThrough(driver: StorageDriver, prefix: string, limit: number): Promise<string[]> {
  const names: string[] = [];
  for (;;) {
    const after = names.at(-1);
    const page = await driver.list(prefix, after === undefined ? { limit } : { after, limit });
    assert.ok(page.length <= limit);
    names.push(...page.map(({ name }) => name));
    if (page.length < limit) return names;
  }
}
