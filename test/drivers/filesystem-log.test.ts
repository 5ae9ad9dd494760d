// The log of small writes: what was answered is there after a power cut that left nothing else of it, and what was changed since
// is not undone. A cut is looked at on a copy: of the log alone, as if no file had come to the disk, or of everything.
import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, readlink, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { newStagedWrite, type StorageDriver } from '../../storage-drivers/driver.ts';
import { createDiskThread, type DiskThread } from '../../storage-drivers/filesystem/disk-thread.ts';
import { createFilesystemDriver } from '../../storage-drivers/filesystem/filesystem-driver.ts';
import { formatLogHeader, formatRecord } from '../../storage-drivers/filesystem/log-records.ts';
import { recoverLogs } from '../../storage-drivers/filesystem/log-recovery.ts';
import { syncStore } from '../../storage-drivers/filesystem/store-sync.ts';
import { createSyncs } from '../../storage-drivers/filesystem/syncs.ts';
import { openWorkspace } from '../../storage-drivers/filesystem/workspace.ts';
import { createWriteLog } from '../../storage-drivers/filesystem/write-log.ts';
import { temporaryDirectory } from '../support/service.ts';
import { bytes, chunksOf } from './content.ts';

const LARGE = Buffer.alloc(100_000, 'large ');
/** Longer than any test. */
const NEVER = 3_600_000;
/** How far cuts of a log are apart, in bytes: less than any record is long. */
const STEP = 11;

test('what was answered is there after a power cut that left only the log', async (t) => {
  const { root, driver } = await open(t);
  await driver.write('own/replaced', bytes('old'));
  await driver.write('own/replaced', bytes('new'));
  await driver.write('own/fresh', bytes('fresh'), { fresh: true });
  await driver.write('own/empty', bytes(''));
  await driver.write('own/deleted', bytes('x'));
  await driver.delete('own/deleted');
  await driver.write('own/tree/one', bytes('1'));
  await driver.write('own/tree/two', bytes('2'));
  await driver.delete('own/tree', { durable: false });
  await driver.write('own/tree/two', bytes('again'));

  const { driver: after, recovered } = await recover(t, await onlyTheLog(t, root));
  assert.equal(recovered, 4);
  assert.deepEqual(await contents(after, ['replaced', 'fresh', 'empty', 'deleted', 'tree/one', 'tree/two']), {
    replaced: 'new',
    fresh: 'fresh',
    empty: '',
    deleted: undefined,
    'tree/one': undefined,
    'tree/two': 'again',
  });
});

test('files of which a power cut left something else become what they were', async (t) => {
  const { root, driver } = await open(t);
  for (const name of ['whole', 'torn', 'zeros', 'gone']) await driver.write(`own/${name}`, bytes('content'));
  await driver.delete('own/gone');
  await driver.write('own/shelf/x', bytes('content'));
  await driver.delete('own/shelf');
  const cut = await copy(t, root);
  await mkdir(join(cut, 'own/shelf/of/nothing'), { recursive: true });
  await truncate(join(cut, 'own/torn'), 3);
  await writeFile(join(cut, 'own/zeros'), Buffer.alloc(7));
  await writeFile(join(cut, 'own/gone'), 'back again');

  const { driver: after, recovered } = await recover(t, cut);
  assert.equal(recovered, 3);
  assert.deepEqual(await contents(after, ['whole', 'torn', 'zeros', 'gone']), {
    whole: 'content',
    torn: 'content',
    zeros: 'content',
    gone: undefined,
  });
  assert.deepEqual(await readdir(join(cut, 'own')), ['torn', 'whole', 'zeros']);
  assert.deepEqual(await readdir(join(cut, '.berth/log')), [], 'that is done once');
  assert.equal(await after.recover?.(), 0);
});

test('what another server did to the store since is left as it is', async (t) => {
  const { root, driver } = await open(t);
  for (const name of ['replaced', 'shelf/removed', 'kept'])
    await driver.write(`own/${name}`, bytes('before'));
  await driver.write('own/back', bytes('before'));
  await driver.delete('own/back');
  const cut = await copy(t, root);
  await writeFile(join(cut, 'own/replaced'), 'since');
  await writeFile(join(cut, 'own/back'), 'since');
  await rm(join(cut, 'own/shelf/removed'));
  const later = Date.now() / 1000 + 3600;
  for (const path of ['own/replaced', 'own/back', 'own/shelf']) await utimes(join(cut, path), later, later);
  await truncate(join(cut, 'own/kept'));

  const { driver: after, recovered } = await recover(t, cut);
  assert.equal(recovered, 1);
  assert.deepEqual(await contents(after, ['replaced', 'back', 'shelf/removed', 'kept']), {
    replaced: 'since',
    back: 'since',
    'shelf/removed': undefined,
    kept: 'before',
  });
});

test('a recovery that is cut short, long after the crash, is done by the next one', async (t) => {
  const root = await temporaryDirectory(t);
  const syncs = createSyncs('strict');
  const workspace = await openWorkspace(root, syncs);
  const name = { number: 7, salt: 1 };
  const longAgo = Date.now() - 3_600_000;
  const records = ['one', 'two', 'three'].map((key) =>
    formatRecord({ key: `own/${key}`, content: bytes(key), time: longAgo }, name),
  );
  await writeFile(join(workspace.log, 'left'), Buffer.concat([formatLogHeader(name), ...records.flat()]));
  await mkdir(join(root, 'own'));
  await writeFile(join(root, 'own/.not-a-key'), 'x');
  for (const path of [root, join(root, 'own')]) await utimes(path, longAgo / 1000, longAgo / 1000);
  const disk = createDiskThread();
  let puts = 0;
  const failing: DiskThread = {
    async run(call, ...parameters) {
      if (call === 'put') puts += 1;
      if (puts === 2) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      return disk.run(call, ...parameters);
    },
  };
  const recoverWith = (used: DiskThread) =>
    recoverLogs({
      root,
      workspace,
      disk: used,
      sync: (paths) => syncStore({ root, syncs }, paths),
      syncDirectory: async () => undefined,
    });
  await assert.rejects(recoverWith(failing), { code: 'ENOSPC' });
  const driver = await createFilesystemDriver({ rootDirectory: root });
  assert.equal((await contents(driver, ['two']))['two'], undefined);
  assert.equal(await recoverWith(disk), 2);
  assert.deepEqual(await contents(driver, ['one', 'two', 'three']), {
    one: 'one',
    two: 'two',
    three: 'three',
  });
  assert.equal(await recoverWith(disk), 0);
});

/** Changes that are no records: each is made to an object that the log speaks of. */
const changes: Readonly<Record<string, (driver: StorageDriver) => Promise<string | undefined>>> = {
  async 'a large write'(driver) {
    await driver.write('own/x', LARGE);
    return LARGE.toString();
  },
  async 'a commit'(driver) {
    const write = await driver.append(newStagedWrite('uploads/1/data'), chunksOf(bytes('staged')));
    await driver.commit(write, 'own/x');
    return 'staged';
  },
  async 'a write that need not last'(driver) {
    await driver.write('own/x', bytes('passing'), { durable: false });
    return 'passing';
  },
  async 'a delete that need not last'(driver) {
    await driver.delete('own/x', { durable: false });
    return undefined;
  },
  async 'a commit where a tree was deleted'(driver) {
    await driver.delete('own');
    const write = await driver.append(newStagedWrite('own/uploads/1/data'), chunksOf(bytes('staged')));
    await driver.commit(write, 'own/x');
    return 'staged';
  },
  async 'bytes staged where a tree was deleted'(driver) {
    await driver.delete('own');
    await driver.append(newStagedWrite('own/x'), chunksOf(bytes('staged')));
    return 'staged';
  },
};

for (const [change, make] of Object.entries(changes)) {
  test(`${change} is not undone by what the log said before`, async (t) => {
    const { root, driver } = await open(t);
    await driver.write('own/x', bytes('before'));
    const expected = await make(driver);
    const { driver: after } = await recover(t, await copy(t, root));
    assert.deepEqual(await contents(after, ['x']), { x: expected });
  });
}

test('a write that failed is not made by the next start', async (t) => {
  const { root, driver } = await open(t);
  await driver.write('own/prefix/object', bytes('there'));
  await assert.rejects(driver.write('own/prefix', bytes('no object can be here')), { code: 'failed' });
  const { driver: after, recovered } = await recover(t, await copy(t, root));
  assert.equal(recovered, 0);
  assert.deepEqual(await contents(after, ['prefix/object']), { 'prefix/object': 'there' });
});

test('a record of a write that had failed does not keep the next server from starting', async (t) => {
  const { root, driver } = await open(t);
  await driver.write('own/a', bytes('x'));
  await driver.write('own/b/c', bytes('x'));
  const cut = await onlyTheLog(t, root);
  await mkdir(join(cut, 'own/a/is'), { recursive: true });
  await writeFile(join(cut, 'own/b'), 'is no prefix');
  const { recovered } = await recover(t, cut);
  assert.equal(recovered, 0);
});

test('while the disk does not come to it, what is new goes past the log, and what is in it does not', async (t) => {
  const root = await temporaryDirectory(t);
  const neverSynced = Promise.withResolvers<void>();
  const log = createWriteLog({
    disk: createDiskThread(),
    keyOf: (path) => relative(root, path),
    directory: root,
    scope: join(root, 'own'),
    sync: () => neverSynced.promise,
    syncDirectory: async () => undefined,
    oldMs: 1,
  });
  const content = Buffer.alloc(64 * 1024);
  const path = (count: number) => join(root, `own/${count}`);
  let count = 0;
  for (; log.takes(path(count), content.length, true); count += 1) {
    await log.put([{ path: path(count), content }], async () => undefined);
  }
  assert.ok(count > 900 && count < 1100, `${count} writes`);
  assert.ok(log.takes(path(0), content.length, true));
  assert.ok(!log.takes(path(0), content.length + 1, true));
  neverSynced.resolve();
  await log.release(path(0));
  assert.ok(log.takes(path(count), content.length, true));
});

test('of a log that ends in the middle of a record, what is before it counts', async (t) => {
  const { root, driver } = await open(t);
  await driver.write('own/first', bytes('first'));
  await driver.write('own/last', bytes('the last one'));
  const cut = await onlyTheLog(t, root);
  const [name = ''] = await readdir(join(cut, '.berth/log'));
  const path = join(cut, '.berth/log', name);
  const log = await readFile(path);
  await truncate(path, log.indexOf('the last one') + 3);
  const { driver: after } = await recover(t, cut);
  assert.deepEqual(await contents(after, ['first', 'last']), { first: 'first', last: undefined });
});

test('a log that is old is emptied, and what it said does not come back', async (t) => {
  const { root, driver } = await open(t, 10);
  for (let round = 0; round < 3; round += 1) {
    await driver.write('own/earlier', bytes(`a content that is longer than the next one, ${round}`));
    await untilEmptied(root);
  }
  await rm(join(root, 'own/earlier'));
  const { recovered } = await recover(t, await copy(t, root));
  assert.equal(recovered, 0);

  await driver.write('own/later', bytes('short'));
  const cut = await onlyTheLog(t, root);
  const { driver: after } = await recover(t, cut);
  assert.equal((await contents(after, ['earlier']))['earlier'], undefined);
});

test('when everything is in its place no log is left, and more can be written', async (t) => {
  const { root, driver } = await open(t);
  const names = Array.from({ length: 40 }, (_, number) => `number-${number}`);
  await Promise.all(names.map((name) => driver.write(`own/${name}`, bytes(name))));
  assert.notDeepEqual(await readdir(join(root, '.berth/log')), []);
  await driver.settle?.();
  assert.deepEqual(await readdir(join(root, '.berth/log')), []);
  await driver.write('own/later', bytes('later'));
  const { driver: after } = await recover(t, await copy(t, root));
  assert.deepEqual(
    await contents(after, [...names, 'later']),
    Object.fromEntries([...names, 'later'].map((name) => [name, name])),
  );
});

test('what others may change is not in the log, and relaxed nothing is', async (t) => {
  const { root, driver } = await open(t);
  await driver.write('other/x', bytes('x'));
  await driver.write('owner', bytes('x'));
  assert.deepEqual(await readdir(join(root, '.berth/log')), []);
  const relaxed = await createFilesystemDriver({
    rootDirectory: root,
    ownPrefix: 'own',
    durability: 'relaxed',
  });
  await relaxed.write('own/x', bytes('x'));
  assert.deepEqual(await readdir(join(root, '.berth/log')), []);
});

test('a log is not done with before all that it speaks of is in its place, and synced there', async (t) => {
  const root = await temporaryDirectory(t);
  const path = join(root, 'own/x');
  const events: string[] = [];
  const log = createWriteLog({
    disk: createDiskThread(),
    keyOf: (path) => relative(root, path),
    directory: root,
    scope: join(root, 'own'),
    async sync(paths) {
      events.push(`synced ${[...paths]}`);
    },
    syncDirectory: async () => undefined,
    oldMs: NEVER,
  });
  const begun = Promise.withResolvers<void>();
  const mayGoOn = Promise.withResolvers<void>();
  const put = log.put([{ path, content: bytes('x') }], async () => {
    begun.resolve();
    await mayGoOn.promise;
    events.push('in its place');
  });
  await begun.promise;
  const closed = log.close();
  for (let turn = 0; turn < 10; turn += 1) await setImmediate();
  mayGoOn.resolve();
  await Promise.all([put, closed]);
  assert.deepEqual(events, ['in its place', `synced ${path}`]);
});

test('an object and those behind it are one write of the log, of which a power cut leaves the first ones', async (t) => {
  const { root, driver } = await open(t);
  await driver.write('own/tag', bytes('old'));
  const [before] = await logs(root);
  const held = await driver.append(newStagedWrite('own/staged', undefined, 100), bytes('content'));
  const followers = ['link', 'tag'].map((name) => ({ key: `own/${name}`, content: bytes(name) }));
  await driver.commit(held, 'own/data', { followers });
  const names = ['data', 'link', 'tag'];
  assert.deepEqual(await contents(driver, names), { data: 'content', link: 'link', tag: 'tag' });

  const [log] = await logs(root);
  assert.ok(before && log);
  const left: string[] = [];
  const end = recordsEnd(log);
  for (let cutAt = recordsEnd(before); cutAt < end + STEP; cutAt += STEP) {
    const cut = await temporaryDirectory(t);
    await mkdir(join(cut, '.berth/log'), { recursive: true });
    await writeFile(join(cut, '.berth/log/left'), log.subarray(0, Math.min(cutAt, end)));
    const { driver: after } = await recover(t, cut);
    const found = Object.entries(await contents(after, names)).map(([name, text]) => `${name}=${text}`);
    left.push(found.join(' '));
  }
  assert.deepEqual(
    [...new Set(left)],
    [
      'data=undefined link=undefined tag=old',
      'data=content link=undefined tag=old',
      'data=content link=link tag=old',
      'data=content link=link tag=tag',
    ],
  );
});

test('where no log can be begun a write fails, and a delete goes on without one', async (t) => {
  const root = await temporaryDirectory(t);
  const directory = join(root, 'log');
  const log = createWriteLog({
    disk: createDiskThread(),
    keyOf: (path) => relative(root, path),
    directory,
    scope: join(root, 'own'),
    sync: async () => undefined,
    syncDirectory: async () => undefined,
    oldMs: NEVER,
  });
  const place = async () => undefined;
  // So much that the next record begins another log.
  const content = Buffer.alloc(64 * 1024);
  const fill = async () => {
    for (let count = 0; count < 254; count += 1)
      await log.put([{ path: join(root, `own/${count}`), content }], place);
  };
  const spoil = async () => {
    await rm(directory, { recursive: true });
    await writeFile(directory, 'no directory');
  };
  await fill();
  await spoil();
  await assert.rejects(log.put([{ path: join(root, 'own/more'), content }], place), { code: 'EEXIST' });
  // Made anew where it is missing.
  await rm(directory);
  await fill();
  await spoil();
  let removed = false;
  await log.remove(join(root, 'own/1'), async () => {
    removed = true;
  });
  assert.ok(removed);
});

test('few files are synced one by one with all directories above, and many where the whole store cannot be', async (t) => {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, 'a/b'), { recursive: true });
  await writeFile(join(root, 'a/b/file'), 'x');
  const synced: string[] = [];
  const syncs = {
    ...createSyncs('strict'),
    all: async (file: number) => void synced.push(await readlink(`/proc/self/fd/${file}`)),
  };
  const paths = [join(root, 'a/b/file'), join(root, 'a/gone/file')];
  const expected = [root, join(root, 'a'), join(root, 'a/b'), join(root, 'a/b/file')].sort();
  let wholes = 0;
  const syncFileSystem = async (directory: string) => {
    assert.equal(directory, root);
    wholes += 1;
    return wholes > 1;
  };
  await syncStore({ root, syncs, syncFileSystem }, paths);
  assert.deepEqual(synced.splice(0).sort(), expected);
  assert.equal(wholes, 0);
  const many = Array.from({ length: 100 }, () => paths).flat();
  await syncStore({ root, syncs, syncFileSystem }, many);
  assert.deepEqual(synced.splice(0).sort(), expected);
  await syncStore({ root, syncs, syncFileSystem }, many);
  assert.deepEqual(synced, []);
  assert.equal(wholes, 2);

  const failing = { ...syncs, all: () => Promise.reject(Object.assign(new Error('no'), { code: 'EIO' })) };
  await assert.rejects(syncStore({ root, syncs: failing }, paths), {
    code: 'EIO',
  });
});

async function open(t: TestContext, logMs = NEVER) {
  const root = await temporaryDirectory(t);
  const driver = await createFilesystemDriver({ rootDirectory: root, ownPrefix: 'own', logMs });
  return { root, driver };
}

async function logs(root: string): Promise<readonly Buffer[]> {
  const names = await readdir(join(root, '.berth/log'));
  return Promise.all(names.map((name) => readFile(join(root, '.berth/log', name))));
}

/** Where the zeros begin that are behind the last record, none of which ends with one. */
function recordsEnd(log: Buffer): number {
  return log.findLastIndex((byte) => byte !== 0) + 1;
}

async function recover(t: TestContext, root: string) {
  const driver = await createFilesystemDriver({ rootDirectory: root, ownPrefix: 'own', logMs: NEVER });
  const recovered = await driver.recover?.();
  t.diagnostic(`${recovered} objects recovered`);
  return { driver, recovered };
}

async function copy(t: TestContext, root: string): Promise<string> {
  const copied = await temporaryDirectory(t);
  await cp(root, copied, { recursive: true });
  return copied;
}

async function onlyTheLog(t: TestContext, root: string): Promise<string> {
  const copied = await temporaryDirectory(t);
  await cp(join(root, '.berth/log'), join(copied, '.berth/log'), { recursive: true });
  return copied;
}

/** A log that is done with begins with zeros. */
async function untilEmptied(root: string): Promise<void> {
  for (;;) {
    const names = await readdir(join(root, '.berth/log'));
    const logs = await Promise.all(names.map((name) => readFile(join(root, '.berth/log', name))));
    if (logs.every((log) => log.readUInt32LE(0) === 0)) return;
  }
}

async function contents(driver: StorageDriver, names: readonly string[]) {
  const read = (name: string) =>
    driver.read(`own/${name}`).then(
      (content) => Buffer.from(content).toString(),
      () => undefined,
    );
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await read(name)])));
}
