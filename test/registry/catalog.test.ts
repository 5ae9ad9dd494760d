import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCatalog } from '../../src/registry/catalog.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';

const ROOT = 'docker/registry/v2/repositories';
const link = Buffer.from('sha256:');
/** By component: a name, then what is below it, then what comes after it. */
const names = ['a', 'a/a', 'a/b/c', 'a/b-c', 'a-b', 'a0', 'ab', 'b/c/d', 'c'];

async function driverWith(list: readonly string[]): Promise<StorageDriver> {
  const driver = createMemoryDriver();
  for (const name of list) await driver.write(`${ROOT}/${name}/_layers/sha256/x/link`, link);
  return driver;
}

async function all(source: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const name of source) found.push(name);
  return found;
}

test('all names come once, in one order', async () => {
  const catalog = createCatalog(await driverWith(names.toReversed()));
  const found = await all(catalog.names());
  assert.deepEqual(found.toSorted(), names.toSorted());
  assert.deepEqual(found, byComponent(names));
});

test('after any name, there or not, come the names behind it and no other', async () => {
  const catalog = createCatalog(await driverWith(names));
  const order = byComponent(names);
  for (const [index, name] of order.entries()) {
    assert.deepEqual(await all(catalog.names(name)), order.slice(index + 1), `after ${name}`);
  }
  for (const last of [
    '',
    '0',
    'a/',
    'a/b',
    'a/b/',
    'a/zzz',
    'a!',
    'aa',
    'b',
    'b/c',
    'z',
    '~',
    '/',
    '..',
    'a//b',
  ]) {
    const expected = byComponent([...names, last]).slice(
      byComponent([...new Set([...names, last])]).indexOf(last) + 1,
    );
    if (last !== '' && !last.includes('//') && !last.endsWith('/') && last !== '/') {
      assert.deepEqual(await all(catalog.names(last)), expected, `after ${JSON.stringify(last)}`);
    } else {
      const found = await all(catalog.names(last));
      assert.deepEqual(found, order.slice(order.length - found.length), `after ${JSON.stringify(last)}`);
    }
  }
});

test('pages of any size put together are the whole', async () => {
  const catalog = createCatalog(await driverWith(names));
  const order = byComponent(names);
  for (let size = 1; size <= names.length + 1; size += 1) {
    const found: string[] = [];
    let after: string | undefined;
    for (;;) {
      const page = await catalog.page(size, after);
      found.push(...page.names);
      assert.ok(found.length <= names.length, 'the pages go round');
      if (!page.more) break;
      assert.equal(page.names.length, size);
      after = page.names.at(-1);
    }
    assert.deepEqual(found, order);
  }
  assert.deepEqual(await catalog.page(0), { names: [], more: false });
});

test('directories that no client could ask for, as others leave them, are passed over', async () => {
  const driver = await driverWith([
    'good',
    'UPPER',
    'a..b',
    '-x',
    'x-',
    'good/Bad',
    'good/Bad/deep',
    'a'.repeat(200),
  ]);
  await driver.write(`${ROOT}/a-file`, link);
  await driver.write(`${ROOT}/lost/and/found`, link);
  await driver.write(`${ROOT}/_layers/sha256/x/link`, link);
  await driver.write(`${ROOT}/only/_uploads/x/startedat`, link);
  const catalog = createCatalog(driver);
  assert.deepEqual(await all(catalog.names()), ['a'.repeat(200), 'good']);
  assert.deepEqual(await all(catalog.namesWithUploads()), ['only']);
});

test('directories below which every name would be too long are not read', async () => {
  const deep = Array.from({ length: 4 }, () => 'd'.repeat(100)).join('/');
  const driver = await driverWith(['ok', deep]);
  const listed: string[] = [];
  const catalog = createCatalog({
    ...driver,
    list: (prefix, options) => {
      listed.push(prefix);
      return driver.list(prefix, options);
    },
  });
  assert.deepEqual(await all(catalog.names()), ['ok']);
  assert.deepEqual(
    listed.filter((key) => key.length > ROOT.length + 256),
    [],
  );
});

test('a repository below a directory of an illegal name is not listed, nor looked for in vain', async () => {
  const catalog = createCatalog(await driverWith(['UPPER/app', 'ok/app']));
  assert.deepEqual(await all(catalog.names()), ['ok/app']);
});

test('a repository with manifests alone is one too', async () => {
  const driver = createMemoryDriver();
  await driver.write(`${ROOT}/app/_manifests/revisions/sha256/x/link`, link);
  assert.deepEqual(await all(createCatalog(driver).names()), ['app']);
});

test('the cost of a page does not grow with what lies before it', async () => {
  const list = Array.from({ length: 200 }, (_, number) => `r${String(number).padStart(3, '0')}/x`);
  const inner = await driverWith(list);
  let listed = 0;
  const catalog = createCatalog({
    ...inner,
    list: (prefix, options) => {
      listed += 1;
      return inner.list(prefix, options);
    },
  });
  const { names: page } = await catalog.page(2, 'r150/x');
  assert.deepEqual(page, ['r151/x', 'r152/x']);
  assert.ok(listed < 15, `${listed} directories were read`);
});

function byComponent(list: readonly string[]): string[] {
  return [...new Set(list)].sort((left, right) => {
    const [a, b] = [left.split('/'), right.split('/')];
    const index = a.findIndex((part, place) => part !== b[place]);
    if (index === -1) return a.length - b.length;
    const [mine = '', theirs] = [a[index], b[index]];
    if (theirs === undefined) return 1;
    return mine < theirs ? -1 : 1;
  });
}

test('pages of what is visible, put together, are all that is visible, and tell nothing of the rest', async () => {
  const catalog = createCatalog(await driverWith(names));
  for (const hidden of [[], ['c'], ['a'], ['b/c/d', 'c'], ['a', 'a/a', 'a-b'], names]) {
    const order = byComponent(names).filter((name) => !hidden.includes(name));
    const visible = (name: string) => !hidden.includes(name);
    for (let size = 1; size <= names.length + 1; size += 1) {
      const found: string[] = [];
      let after: string | undefined;
      for (;;) {
        const page = await catalog.page(size, after, visible);
        found.push(...page.names);
        assert.ok(found.length <= names.length, 'the pages go round');
        assert.equal(page.more, found.length < order.length, 'there is more exactly if it can be seen');
        if (!page.more) break;
        assert.equal(page.names.length, size);
        after = page.names.at(-1);
      }
      assert.deepEqual(found, order);
    }
  }
});

test('a page after a name that is not visible begins behind it, as after one that is not there', async () => {
  const catalog = createCatalog(await driverWith(names));
  const page = await catalog.page(2, 'a/b/c', (name) => name !== 'a/b/c' && name !== 'a-b');
  assert.deepEqual(page, { names: ['a/b-c', 'a0'], more: true });
});

test('a search finds only what is visible, and fills its answer with it', async () => {
  const catalog = createCatalog(await driverWith(['app', 'x/app', 'app-2', 'my-app', 'other']));
  assert.deepEqual(await catalog.search('app', 2), ['app', 'x/app']);
  assert.deepEqual(await catalog.search('app', 2, (name) => name !== 'app'), ['x/app', 'app-2']);
  assert.deepEqual(await catalog.search('app', 9, () => false), []);
});

test('a page of a directory with many names asks for some of them, from where it begins', async () => {
  const list = Array.from({ length: 3000 }, (_, number) => `r${String(number).padStart(4, '0')}`);
  const inner = await driverWith(list);
  let shown = 0;
  const driver: StorageDriver = {
    ...inner,
    async list(prefix, options) {
      const entries = await inner.list(prefix, options);
      if (prefix === ROOT) shown += entries.length;
      return entries;
    },
  };
  const catalog = createCatalog(driver);
  for (const after of [undefined, 'r1499', 'r2990']) {
    shown = 0;
    const { names: page } = await catalog.page(5, after);
    const start = after === undefined ? 0 : list.indexOf(after) + 1;
    assert.deepEqual(page, list.slice(start, start + 5));
    assert.ok(shown <= 1000, `${shown} names were read for ${after}`);
  }
  shown = 0;
  assert.deepEqual(await all(catalog.names()), list);
  assert.ok(shown <= list.length, `${shown} names were read in all`);
});

test('a repository is found among the many names below it, wherever its own marks stand', async () => {
  const many = Array.from({ length: 2500 }, (_, number) => `${number}`.padStart(4, '0'));
  const catalog = createCatalog(await driverWith(['first', ...many.map((name) => `first/${name}`), 'z']));
  assert.deepEqual((await catalog.page(3)).names, ['first', 'first/0000', 'first/0001']);
  assert.equal((await all(catalog.names())).length, many.length + 2);
  const without = createCatalog(await driverWith(many.map((name) => `first/${name}`)));
  assert.deepEqual((await without.page(2)).names, ['first/0000', 'first/0001']);
});

test('names that come and go between pages push none out that stays', async () => {
  const stays = Array.from({ length: 40 }, (_, number) => `s${String(number).padStart(2, '0')}/app`);
  const driver = await driverWith(stays);
  const catalog = createCatalog(driver);
  const found: string[] = [];
  for (let after: string | undefined, round = 0; ; round += 1) {
    const page = await catalog.page(3, after);
    found.push(...page.names);
    if (!page.more) break;
    after = page.names.at(-1);
    // One appears before the place where the next page begins, one behind it, and the last one of this page may go.
    for (const name of [`a${round}`, `${stays[round * 2]}-x`, `zz${round}`]) {
      await driver.write(`${ROOT}/${name}/_layers/sha256/x/link`, link);
    }
    await driver.delete(`${ROOT}/zz${round - 1}`);
    if (after !== undefined && !stays.includes(after)) await driver.delete(`${ROOT}/${after}`);
  }
  assert.deepEqual(
    found.filter((name) => stays.includes(name)),
    stays,
  );
});

test('searches that come while one is under way share the next look, which begins after them', async () => {
  const inner = await driverWith(['app', 'other/app']);
  let looks = 0;
  const catalog = createCatalog({
    ...inner,
    list: (prefix, options) => {
      if (prefix === ROOT) looks += 1;
      return inner.list(prefix, options);
    },
  });
  const first = catalog.search('app', 9);
  await new Promise(setImmediate);
  await inner.write(`${ROOT}/app2/_layers/sha256/x/link`, link);
  const others = await Promise.all([
    catalog.search('app', 1),
    catalog.search('app2', 9),
    catalog.search('', 9, (name) => name !== 'app'),
  ]);
  assert.ok((await first).length >= 2);
  assert.deepEqual(others, [['app'], ['app2'], ['app2', 'other/app']]);
  assert.equal(looks, 2);
});

test('a search that fails fails for those who waited for it, and for nobody after them', async () => {
  const inner = await driverWith(['app']);
  let isDown = true;
  const catalog = createCatalog({
    ...inner,
    list: async (prefix, options) => {
      if (isDown) throw new Error('the store is away');
      return inner.list(prefix, options);
    },
  });
  await assert.rejects(catalog.search('app', 1), /the store is away/);
  isDown = false;
  assert.deepEqual(await catalog.search('app', 1), ['app']);
});
