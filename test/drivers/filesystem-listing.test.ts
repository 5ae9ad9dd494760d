// Pages of large directories: what is remembered of them is never older than the directory, whoever changes it.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { createDirectoryNames } from '../../storage-drivers/filesystem/directory-names.ts';
import { createFilesystemDriver } from '../../storage-drivers/filesystem/filesystem-driver.ts';
import { listDirectory } from '../../storage-drivers/filesystem/listing.ts';
import { packNames, sortNames } from '../../storage-drivers/filesystem/sorted-names.ts';
import { temporaryDirectory } from '../support/service.ts';

const MANY = 1500;
/** Longer than a directory has to have been left alone before anything is remembered of it. */
const SETTLED_MS = 150;

test('a large directory is read once for as long as it is seen to be the same', async (context) => {
  const { directory, names } = await largeDirectory(context);
  let same = true;
  const read = createDirectoryNames(() => ({ isNothing: false, stillThere: () => same }));
  assert.equal((await read(directory)).length, names.length);
  await writeFile(join(directory, 'later'), '');
  assert.equal((await read(directory)).length, names.length, 'it was read again');
  same = false;
  assert.equal((await read(directory)).length, names.length + 1);
});

test('those who ask while a directory is read share the reading, unless it changed since', async (context) => {
  const { directory } = await largeDirectory(context);
  let same = true;
  let sights = 0;
  const read = createDirectoryNames(() => {
    sights += 1;
    return { isNothing: false, stillThere: () => same };
  });
  await Promise.all([read(directory), read(directory), read(directory)]);
  assert.equal(sights, 1);
  same = false;
  await Promise.all([read(directory), read(directory)]);
  assert.equal(sights, 3);
});

test('nothing is remembered of a directory that nobody can vouch for', async (context) => {
  const { directory, names } = await largeDirectory(context);
  for (const sight of [undefined, () => undefined]) {
    const read = createDirectoryNames(sight);
    await read(directory);
    await writeFile(join(directory, 'later'), '');
    assert.equal((await read(directory)).length, names.length + 1);
    await rm(join(directory, 'later'));
  }
});

test('a directory that is seen not to be there is not read, and is looked for each time', async (t) => {
  const directory = join(await temporaryDirectory(t), 'later');
  let isNothing = true;
  const read = createDirectoryNames(() => ({ isNothing, stillThere: () => true }));
  await mkdir(join(directory, 'name'), { recursive: true });
  assert.equal((await read(directory)).length, 0);
  isNothing = false;
  assert.equal((await read(directory)).length, 1);
});

test('a packed list has the same names and kinds, and nothing outside of them', () => {
  const names = sortNames([
    { name: 'b', kind: 'prefix' },
    { name: 'a-longer-name', kind: 'link' },
    { name: 'a', kind: 'object' },
  ]);
  const packed = packNames(names);
  for (const index of [-1, 0, 1, 2, 3]) assert.deepEqual(packed.at(index), names.at(index), `${index}`);
  assert.equal(packNames(sortNames([])).at(0), undefined);
});

test('what comes and goes is on the next page, also between two looks at once', async (context) => {
  const { directory, driver, names } = await largeDirectory(context);
  for (let round = 0; round < 40; round += 1) {
    // Now and then the directory is left alone for long enough to be remembered.
    if (round % 10 === 0) await sleep(SETTLED_MS);
    const place = join(directory, 'm0700-between');
    const next = async () => (await driver.list('large', { after: 'm0700', limit: 1 }))[0]?.name;
    assert.equal(await next(), 'm0701');
    await writeFile(place, '');
    assert.equal(await next(), 'm0700-between');
    await rm(place);
    assert.equal(await next(), 'm0701');
  }
  assert.equal((await driver.list('large')).length, names.length);
});

test('a name is shown as what it is now, after a file became a directory or a link leads elsewhere', async (context) => {
  const { root, driver } = await largeDirectory(context);
  const place = join(root, 'large', 'm0003-odd');
  await mkdir(join(root, 'elsewhere'));
  await symlink(join(root, 'elsewhere'), place);
  await sleep(SETTLED_MS);
  const kind = async () => (await driver.list('large', { after: 'm0003', limit: 1 }))[0];
  assert.deepEqual(await kind(), { name: 'm0003-odd', kind: 'prefix' });
  await rm(join(root, 'elsewhere'), { recursive: true });
  assert.deepEqual(await kind(), { name: 'm0004', kind: 'object' }, 'leads to nothing');
  await writeFile(join(root, 'elsewhere'), '');
  assert.deepEqual(await kind(), { name: 'm0003-odd', kind: 'object' });
  await rm(place);
  await mkdir(place);
  assert.deepEqual(await kind(), { name: 'm0003-odd', kind: 'prefix' });
});

test('another directory under the same name is another list', async (context) => {
  const { root, driver, names } = await largeDirectory(context);
  await mkdir(join(root, 'other'));
  await writeFile(join(root, 'other', 'only'), '');
  await sleep(SETTLED_MS);
  assert.equal((await driver.list('large')).length, names.length);
  await rename(join(root, 'large'), join(root, 'away'));
  assert.deepEqual(await driver.list('large'), []);
  await rename(join(root, 'other'), join(root, 'large'));
  assert.deepEqual(await driver.list('large'), [{ name: 'only', kind: 'object' }]);
});

test('pages that are read while another process makes and removes names lack none that stays', async (context) => {
  const { root, names } = await largeDirectory(context);
  const other = fork(join(import.meta.dirname, 'busy-neighbour.ts'), [join(root, 'large')], { execArgv: [] });
  context.after(() => void other.kill());
  await once(other, 'message');
  for (let round = 0; round < 6; round += 1) {
    // The neighbour rests for a while every other round, so that what is remembered is used, too.
    other.send(round % 2 === 0 ? 'work' : 'rest');
    await once(other, 'message');
    if (round % 2 === 1) await sleep(SETTLED_MS);
    const read = createDirectoryNames(undefined);
    const driver = await createFilesystemDriver({ rootDirectory: root });
    for (let pass = 0; pass < 3; pass += 1) {
      const seen = await pageThrough(driver, 97);
      assert.deepEqual(
        seen.filter((name) => !name.endsWith('-fleeting')),
        names,
      );
      assert.deepEqual(seen, seen.toSorted());
    }
    if (round % 2 === 0) continue;
    const listed = await listDirectory(join(root, 'large'), {}, read);
    assert.deepEqual(await driver.list('large'), listed, 'what is remembered is what is there');
  }
});

async function largeDirectory(context: TestContext) {
  const root = await temporaryDirectory(context);
  const directory = join(root, 'large');
  await mkdir(directory);
  const names = Array.from({ length: MANY }, (_, index) => `m${String(index).padStart(4, '0')}`);
  await Promise.all(names.map((name) => writeFile(join(directory, name), '')));
  return { root, directory, names, driver: await createFilesystemDriver({ rootDirectory: root }) };
}

async function pageThrough(driver: StorageDriver, limit: number): Promise<string[]> {
  const seen: string[] = [];
  for (;;) {
    const after = seen.at(-1);
    const page = await driver.list('large', { limit, ...(after !== undefined && { after }) });
    seen.push(...page.map(({ name }) => name));
    if (page.length < limit) return seen;
  }
}
