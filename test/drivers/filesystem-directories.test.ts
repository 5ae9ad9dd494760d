// Directories that are made and removed by many at the same time.
import assert from 'node:assert/strict';
import { mkdir, readdir, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { createDirectorySync } from '../../storage-drivers/filesystem/directory-sync.ts';
import { createDiskThread } from '../../storage-drivers/filesystem/disk-thread.ts';
import { createDurableDirectories } from '../../storage-drivers/filesystem/durable-directories.ts';
import { createSyncs } from '../../storage-drivers/filesystem/syncs.ts';
import { temporaryDirectory } from '../support/service.ts';

const LANES = 8;
const ROUNDS = 400;

test('a directory that others prune all the time takes every file all the same', async (context) => {
  const root = await temporaryDirectory(context);
  const directories = createDirectories(root);
  const lanes = Array.from({ length: LANES }, (_, lane) => join(root, 'come/and/go', `${lane}`, 'data'));
  await Promise.all(
    lanes.map(async (path) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        await directories.within(dirname(path), () => writeFile(path, 'x'));
        await unlink(path);
        await directories.prune(dirname(path));
      }
    }),
  );
  assert.deepEqual(await readdir(root), []);
});

test('a file that stands where a directory has to be is an error, not waited for', async (context) => {
  const root = await temporaryDirectory(context);
  const directories = createDirectories(root);
  await mkdir(join(root, 'a'));
  await writeFile(join(root, 'a/file'), 'x');
  const path = join(root, 'a/file/below/data');
  await assert.rejects(
    directories.within(dirname(path), () => writeFile(path, 'x')),
    { code: 'ENOTDIR' },
  );
});

function createDirectories(root: string) {
  const disk = createDiskThread();
  const syncs = createSyncs('strict');
  return createDurableDirectories({ root, disk, syncs, sync: createDirectorySync(disk, syncs) });
}
