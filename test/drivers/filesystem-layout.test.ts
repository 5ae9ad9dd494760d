// What the filesystem driver leaves on the disk, and what it makes of what others left there.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createCheckedDriver } from '../../storage-drivers/checked.ts';
import { newStagedWrite, type StorageDriver } from '../../storage-drivers/driver.ts';
import { createFilesystemDriver } from '../../storage-drivers/filesystem/filesystem-driver.ts';
import { temporaryDirectory } from '../support/service.ts';
import {
  bytes,
  chunksOf,
  equalBytes,
  failingAfter,
  gather,
  MIB,
  pattern,
  putLarge,
  text,
} from './content.ts';

const withoutProc = existsSync('/proc/self/fd')
  ? false
  : 'open files are counted in /proc, which is not here';
const NOT_FOUND = { name: 'DriverError', code: 'keyNotFound' };

test('an object is the file under its key, made under the umask', async (context) => {
  const { root, driver } = await openDriver(context);
  const mask = process.umask(0o027);
  context.after(async () => {
    process.umask(mask);
  });
  await driver.write('written/a/data', bytes('small'));
  await putLarge(driver, 'committed/a/data', bytes('large'));
  assert.equal(await readFile(join(root, 'written/a/data'), 'utf8'), 'small');
  assert.equal(await readFile(join(root, 'committed/a/data'), 'utf8'), 'large');
  for (const key of ['written', 'committed']) {
    assert.equal((await stat(join(root, key, 'a/data'))).mode & 0o777, 0o640);
    assert.equal((await stat(join(root, key, 'a'))).mode & 0o777, 0o750);
  }
});

test('the root is made when it is missing, and a link to it is followed', async (context) => {
  const directory = await temporaryDirectory(context);
  const root = join(directory, 'not/yet/there');
  await (await createFilesystemDriver({ rootDirectory: root })).write('a/b', bytes('x'));
  await symlink(root, join(directory, 'link'));
  const driver = await createFilesystemDriver({ rootDirectory: join(directory, 'link') });
  await driver.delete('a/b');
  assert.deepEqual(await readdir(root), ['.berth']);
});

test('a committed object is as old as its commit, whenever its bytes came', async (context) => {
  const { root, driver } = await openDriver(context);
  const write = await driver.append(newStagedWrite('up/data'), chunksOf(bytes('long ago')));
  await utimes(join(root, 'up/data'), 0, 0);
  await driver.commit(write, 'blob');
  assert.notEqual((await driver.stat('blob')).modifiedAt.getTime(), 0);
});

test('nothing is left in the folder of our own, whether calls succeed or fail', async (context) => {
  const { root, driver } = await openDriver(context);
  await driver.write('a/b', bytes('x'));
  await assert.rejects(driver.write('a', bytes('a prefix')), { code: 'failed' });
  await assert.rejects(driver.write('a/b/c', bytes('below an object')), { code: 'failed' });
  const write = await driver.append(newStagedWrite('up/data'), chunksOf(pattern(MIB)));
  await assert.rejects(driver.append(write, failingAfter(pattern(2 * MIB), new Error('gone'))));
  assert.equal((await stat(join(root, 'up/data'))).size, MIB, 'cut back to what was acknowledged');
  await driver.abort(write);
  await driver.delete('a');
  assert.deepEqual(await readdir(join(root, '.berth/incoming')), []);
  assert.deepEqual(await readdir(join(root, '.berth/trash')), []);
  assert.deepEqual(await readdir(root), ['.berth']);
  assert.deepEqual(await driver.list(''), []);
});

test('what a crash left is cleared away at the start, but nothing of a live process', async (context) => {
  const root = await temporaryDirectory(context);
  const incoming = join(root, '.berth/incoming');
  const crash = `
    import { createFilesystemDriver } from ${JSON.stringify(driverModule())};
    import { renameSync, writeFileSync } from 'node:fs';
    const driver = await createFilesystemDriver({ rootDirectory: process.argv[1] });
    await driver.write('tree/a/b', new Uint8Array(9));
    renameSync(process.argv[1] + '/tree', process.argv[1] + '/.berth/trash/half-deleted');
    // A write that never comes to its end.
    driver.write('large', new Uint8Array(64 * 1024 * 1024));
    const { readdirSync } = await import('node:fs');
    while (readdirSync(process.argv[1] + '/.berth/incoming').length === 0) await new Promise(setImmediate);
    process.kill(process.pid, 'SIGKILL');
  `;
  const { signal, stderr, pid } = spawnSync(process.execPath, [
    '--input-type=module',
    '-e',
    crash,
    '--',
    root,
  ]);
  assert.equal(signal, 'SIGKILL', String(stderr));
  const [left] = await readdir(incoming);
  assert.ok(left !== undefined, 'the crash left a file');
  const [scope] = left.split('.');
  const names = {
    live: `${scope}.${process.pid}.00000000-0000-0000-0000-000000000000`,
    predecessor: `${scope}.${process.pid}.22222222-0000-0000-0000-000000000000`,
    elsewhere: `${'0'.repeat(12)}.${pid}.00000000-0000-0000-0000-000000000000`,
    old: `${'0'.repeat(12)}.1.11111111-0000-0000-0000-000000000000`,
  };
  for (const name of Object.values(names)) await writeFile(join(incoming, name), 'x');
  await utimes(join(incoming, names.old), 0, 0);
  const beforeThisProcess = Date.now() / 1000 - process.uptime() - 1;
  await utimes(join(incoming, names.predecessor), beforeThisProcess, beforeThisProcess);

  const driver = await createFilesystemDriver({ rootDirectory: root });
  assert.deepEqual(await readdir(incoming), [names.elsewhere, names.live].toSorted());
  assert.deepEqual(await readdir(join(root, '.berth/trash')), []);
  assert.deepEqual(await driver.list(''), []);
});

test('a driver goes on when somebody removes the folder of our own', async (context) => {
  const { root, driver } = await openDriver(context);
  await driver.write('tree/a', bytes('x'));
  await driver.delete('nothing');
  await rm(join(root, '.berth'), { recursive: true });
  await driver.delete('tree');
  await rm(join(root, '.berth'), { recursive: true });
  await driver.write('tree/a', bytes('y'));
  assert.equal(text(await driver.read('tree/a')), 'y');
});

test('names that are no keys are not listed, and links are followed', async (context) => {
  const { root, driver } = await openDriver(context);
  await driver.write('real/object', bytes('x'));
  await mkdir(join(root, 'lost+found'));
  await mkdir(join(root, '.hidden'));
  await writeFile(join(root, 'with space'), 'x');
  await writeFile(join(root, 'real/.hidden'), 'x');
  await symlink(join(root, 'real'), join(root, 'linked'));
  await symlink(join(root, 'nowhere'), join(root, 'dangling'));
  assert.deepEqual(await driver.list(''), [
    { name: 'linked', kind: 'prefix' },
    { name: 'real', kind: 'prefix' },
  ]);
  assert.deepEqual(await driver.list('real'), [{ name: 'object', kind: 'object' }]);
  assert.equal(text(await driver.read('linked/object')), 'x');
});

test('directories that others left empty do not disturb', async (context) => {
  const { root, driver } = await openDriver(context);
  await mkdir(join(root, 'empty/deep/er'), { recursive: true });
  await assert.rejects(driver.read('empty/deep'), NOT_FOUND);
  assert.deepEqual(await driver.list('empty/deep/er'), []);
  await driver.write('empty/deep/er/object', bytes('x'));
  await driver.delete('empty/deep/er/object');
  assert.ok(!existsSync(join(root, 'empty')));
});

test('a directory that somebody else made or removed does not lose a write', async (context) => {
  const { root, driver } = await openDriver(context);
  for (let round = 0; round < 5; round += 1) {
    await driver.write('shared/deep/object', bytes(`${round}`));
    assert.equal(await readFile(join(root, 'shared/deep/object'), 'utf8'), `${round}`);
    await rm(join(root, 'shared'), { recursive: true });
    if (round % 2 === 0) await mkdir(join(root, 'shared/deep'), { recursive: true });
  }
});

test('more readers than the pool has buffers for get every byte, and no file stays open', {
  skip: withoutProc,
}, async (context) => {
  const { driver } = await openDriver(context);
  const content = pattern(3 * MIB + 7);
  await putLarge(driver, 'blob', content);
  const before = await openFiles();
  const iterators = await Promise.all(
    Array.from({ length: 80 }, async () => (await driver.openRead('blob')).content[Symbol.asyncIterator]()),
  );
  const firsts = await Promise.all(iterators.map((iterator) => iterator.next()));
  for (const { value } of firsts) assert.ok(equalBytes(value, content.subarray(0, value.length)));
  await Promise.all(
    iterators.map(async (iterator, index) => {
      if (index % 3 === 0) {
        await iterator.return?.();
        return;
      }
      let position = firsts[index]?.value.length ?? 0;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
        assert.ok(equalBytes(next.value, content.subarray(position, position + next.value.length)));
        position += next.value.length;
      }
      assert.equal(position, content.length);
    }),
  );
  assert.equal(await openFiles(), before);
});

test('no call leaves a file open, on any way out', { skip: withoutProc }, async (context) => {
  const { root, driver } = await openDriver(context);
  // The thread that makes small changes has files of its own from the first one on.
  await driver.write('first', bytes('x'));
  const before = await openFiles();
  await putLarge(driver, 'a/blob', pattern(3 * MIB));
  await gather(await driver.openRead('a/blob'));
  for await (const _chunk of (await driver.openRead('a/blob')).content) break;
  await (await driver.openRead('a/blob')).close();
  await (await driver.openRead('a/blob')).content[Symbol.asyncIterator]().return?.();
  await assert.rejects(driver.openRead('a/blob', { start: 0, end: 9 * MIB }));
  for (const key of ['a', 'none', 'a/blob/below']) await assert.rejects(driver.openRead(key), NOT_FOUND);
  await assert.rejects(driver.write('a', bytes('x')));
  const write = await driver.append(newStagedWrite('up/data'), chunksOf(pattern(10)));
  await assert.rejects(driver.append(write, failingAfter(pattern(3 * MIB), new Error('gone'))));
  await assert.rejects(driver.append({ ...write, size: 11 }, chunksOf(pattern(1))), NOT_FOUND);
  await assert.rejects(driver.openStaged({ ...write, size: 11 }), NOT_FOUND);
  await assert.rejects(driver.commit({ ...write, size: 11 }, 'a/other'), NOT_FOUND);
  const shrinking = await driver.openRead('a/blob');
  await truncate(join(root, 'a/blob'), 100);
  await assert.rejects(gather(shrinking), { name: 'DriverError', code: 'failed', key: 'a/blob' });
  await driver.abort(write);
  await driver.delete('a');
  assert.equal(await openFiles(), before);
});

async function openDriver(context: TestContext): Promise<{ root: string; driver: StorageDriver }> {
  const root = await temporaryDirectory(context);
  return { root, driver: createCheckedDriver(await createFilesystemDriver({ rootDirectory: root })) };
}

/** The number of files, sockets and pipes that this process has open. */
async function openFiles(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}

function driverModule(): string {
  return import.meta.resolve('../../storage-drivers/filesystem/filesystem-driver.ts');
}
