// The filesystem driver on a disk that is full, broken or forbidden: calls fail with the right word, nothing that was
// acknowledged is harmed, and it goes on by itself when the fault is over.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createCheckedDriver } from '../../storage-drivers/checked.ts';
import { newStagedWrite } from '../../storage-drivers/driver.ts';
import { createFilesystemDriver } from '../../storage-drivers/filesystem/filesystem-driver.ts';
import { temporaryDirectory } from '../support/service.ts';
import { bytes, chunksOf, equalBytes, gather, MIB, pattern, text } from './content.ts';
import { injecting, isRoot, NOBODY, runScenario, withoutNobody, withoutStrace } from './driver-faults.ts';

const NO_SPACE = { name: 'DriverError', code: 'noSpace' };

test('a full disk is noSpace, harms nothing, and is over when something is deleted', async (context) => {
  const rootDirectory = await temporaryDirectory(context);
  if (!mountSmallDisk(rootDirectory)) return context.skip('a small disk can be mounted only by root');
  try {
    await fillUp(rootDirectory);
  } finally {
    spawnSync('umount', [rootDirectory]);
  }
});

test('a store that does not permit the call is denied, and other directories still work', {
  skip: withoutNobody,
}, async (context) => {
  const root = await temporaryDirectory(context);
  for (const directory of ['closed/tree', 'secret/folder', '.berth/incoming', '.berth/trash']) {
    await mkdir(join(root, directory), { recursive: true });
  }
  await writeFile(join(root, 'closed/object'), 'x');
  await writeFile(join(root, 'closed/tree/object'), 'x');
  await writeFile(join(root, 'secret/object'), 'x');
  if (isRoot) for (const name of await everythingIn(root)) await chown(name, NOBODY, NOBODY);
  const locks = { closed: 0o555, 'secret/object': 0, 'secret/folder': 0 };
  for (const [name, mode] of Object.entries(locks)) await chmod(join(root, name), mode);
  try {
    assert.deepEqual(runScenario(root, 'forbidden', isRoot ? { uid: NOBODY } : {}), {
      open: 'done',
      read: 'denied',
      openRead: 'denied',
      write: 'denied',
      'write below': 'denied',
      append: 'denied',
      delete: 'denied',
      'delete tree': 'denied',
      list: 'denied',
      'write elsewhere': 'done',
    });
  } finally {
    for (const name of Object.keys(locks)) await chmod(join(root, name), 0o755);
  }
});

test('a root that cannot be written to is denied at the start', { skip: withoutNobody }, async (context) => {
  const root = await temporaryDirectory(context);
  await chmod(root, 0o555);
  const outcome = runScenario(root, 'read', isRoot ? { uid: NOBODY } : {});
  assert.deepEqual(outcome, { open: 'denied' });
});

test('a root that is a file is refused at the start', async (context) => {
  const root = join(await temporaryDirectory(context), 'file');
  await writeFile(root, 'x');
  for (const rootDirectory of [root, join(root, 'below')]) {
    await assert.rejects(createFilesystemDriver({ rootDirectory }), { name: 'DriverError', code: 'failed' });
  }
});

test('without free file descriptors every call is busy, and later works again', async (context) => {
  const root = await temporaryDirectory(context);
  const under = ['sh', '-c', 'ulimit -n 60 && exec "$@"', 'sh'];
  assert.deepEqual(runScenario(root, 'exhausted', { under }), {
    open: 'done',
    read: 'busy',
    openRead: 'busy',
    write: 'busy',
    append: 'busy',
    list: 'busy',
    'read later': 'done',
    'append later': 'done',
  });
});

test('a small write that does not reach the disk leaves the old value', {
  skip: withoutStrace,
}, async (context) => {
  const faults = [
    // The first fsync is the one with which the driver tries the directory.
    ['fsync:error=EIO:when=2', 'failed'],
    ['fsync:error=EDQUOT:when=2', 'noSpace'],
    ['fsync:error=ENOSPC:when=2', 'noSpace'],
    ['rename,renameat,renameat2:error=EIO', 'failed'],
    ['rename,renameat,renameat2:error=EROFS', 'denied'],
  ] as const;
  for (const [fault, code] of faults) {
    const root = await storeWithObject(context);
    const outcome = runScenario(root, 'replace', { under: injecting(fault) });
    assert.deepEqual(outcome, { open: 'done', replace: code, read: 'done' }, fault);
    assert.deepEqual(await readdir(join(root, '.berth/incoming')), [], fault);
  }
});

test('a write whose directory does not reach the disk is not acknowledged', {
  skip: withoutStrace,
}, async (context) => {
  const root = await storeWithObject(context);
  const under = injecting('fsync:error=EIO', join(root, 'kept'));
  assert.equal(runScenario(root, 'replace', { under })['replace'], 'failed');
});

test('a filesystem that cannot sync directories is put up with', { skip: withoutStrace }, async (context) => {
  const root = await storeWithObject(context);
  const under = injecting('fsync:error=EINVAL', join(root, 'kept'));
  assert.equal(runScenario(root, 'replace', { under })['replace'], 'done');
});

test('an append that fails can be made again from where it began', {
  skip: withoutStrace,
}, async (context) => {
  const faults = [
    ['fdatasync:error=EIO:when=1', 'failed'],
    ['pwritev,pwritev2,pwrite64:error=EIO:when=1', 'failed'],
    ['pwritev,pwritev2,pwrite64:error=EIO:when=2', 'failed'],
    ['pwritev,pwritev2,pwrite64:error=EDQUOT:when=2', 'noSpace'],
    ['pwritev,pwritev2,pwrite64:error=EAGAIN:when=2', 'busy'],
  ] as const;
  for (const [fault, code] of faults) {
    const root = await storeWithObject(context);
    const outcome = runScenario(root, 'append', { under: injecting(fault) });
    assert.deepEqual(outcome, { open: 'done', append: code, 'append again': 'done' }, fault);
  }
});

test('a failed append cuts the file back at once', { skip: withoutStrace }, async (context) => {
  const root = await storeWithObject(context);
  const outcome = runScenario(root, 'append', { under: injecting('fdatasync:error=EIO') });
  assert.deepEqual(outcome, { open: 'done', append: 'failed', 'append again': 'failed' });
  assert.equal(await readFile(join(root, 'uploads/1/data'), 'utf8'), 'kept');
});

test('a read that the disk refuses fails, and never gives fewer bytes', {
  skip: withoutStrace,
}, async (context) => {
  const root = await storeWithObject(context);
  const path = join(root, 'kept/object');
  const expected = { open: 'done', read: 'failed', openRead: 'failed', stat: 'done' };
  for (const fault of ['pread64,preadv,read:error=EIO', 'pread64,preadv,read:retval=0']) {
    assert.deepEqual(runScenario(root, 'read', { under: injecting(fault, path) }), expected, fault);
  }
});

async function storeWithObject(context: TestContext): Promise<string> {
  const root = await temporaryDirectory(context);
  const driver = await createFilesystemDriver({ rootDirectory: root });
  await driver.write('kept/object', bytes('old'));
  await driver.append(newStagedWrite('uploads/1/data'), chunksOf(bytes('kept')));
  return root;
}

async function fillUp(rootDirectory: string): Promise<void> {
  const driver = createCheckedDriver(await createFilesystemDriver({ rootDirectory }));
  await driver.write('kept', bytes('old'));
  await driver.write('filler', pattern(MIB));
  const write = await driver.append(newStagedWrite('up/data'), chunksOf(pattern(MIB)));
  await assert.rejects(driver.append(write, chunksOf(pattern(8 * MIB))), NO_SPACE);
  await assert.rejects(driver.write('kept', pattern(8 * MIB)), NO_SPACE);
  assert.equal(text(await driver.read('kept')), 'old');
  assert.deepEqual(await readdir(join(rootDirectory, '.berth/incoming')), []);
  assert.ok(equalBytes(await gather(await driver.openStaged(write)), pattern(MIB)));
  await driver.delete('filler');
  const longer = await driver.append(write, chunksOf(bytes('more')));
  await driver.commit(longer, 'blob');
  assert.equal((await driver.stat('blob')).size, MIB + 4);
}

/** Mounts 4 MiB on the directory; false where that is not possible. */
function mountSmallDisk(directory: string): boolean {
  return isRoot && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', directory]).status === 0;
}

async function everythingIn(root: string): Promise<string[]> {
  const names = await readdir(root, { recursive: true });
  return [root, ...names.map((name) => join(root, name))];
}
