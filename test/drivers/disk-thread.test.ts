// The threads that make small changes: in order, with the system's own words for failures, and started anew when one ends.
import assert from 'node:assert/strict';
import { closeSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { createDiskThread } from '../../storage-drivers/filesystem/disk-thread.ts';
import { temporaryDirectory } from '../support/service.ts';
import { bytes } from './content.ts';

test('of files that are put behind each other those before the first failure are there, and no others', async (t) => {
  const directory = await temporaryDirectory(t);
  const names = ['first', 'first/below-a-file', 'last'];
  const files = names.map((name, index) => ({
    path: join(directory, name),
    temporary: join(directory, `temporary-${index}`),
    content: bytes(name),
  }));
  await assert.rejects(createDiskThread().run('put', files), { code: 'ENOTDIR' });
  assert.deepEqual(await readdir(directory), ['first']);
  assert.equal(await readFile(join(directory, 'first'), 'utf8'), 'first');
});

test('calls of one turn are done in their order, and one that fails stops no other', async (t) => {
  const directory = await temporaryDirectory(t);
  const disk = createDiskThread();
  const [made, moved, again, opened] = await Promise.allSettled([
    disk.run('create', join(directory, 'new/one'), bytes('content'), false),
    disk.run('move', join(directory, 'new/one'), join(directory, 'other/two')),
    disk.run('move', join(directory, 'new/one'), join(directory, 'other/three')),
    disk.run('openDirectories', [join(directory, 'other'), join(directory, 'none')]),
  ]);
  assert.equal(made.status, 'fulfilled');
  assert.equal(moved.status, 'fulfilled');
  assert.equal(again.status === 'rejected' && again.reason.code, 'ENOENT');
  assert.ok(opened.status === 'fulfilled');
  assert.deepEqual(
    opened.value.map((each) => each !== undefined),
    [true, false],
  );
  for (const each of opened.value) if (each !== undefined) closeSync(each.file);
  assert.equal(await readFile(join(directory, 'other/two'), 'utf8'), 'content');
});

test('a part of a larger piece of memory is written as it is, and stays with its owner', async (t) => {
  const directory = await temporaryDirectory(t);
  const memory = new Uint8Array(1024).fill(65);
  await createDiskThread().run('create', join(directory, 'part'), memory.subarray(10, 14), false);
  assert.equal(await readFile(join(directory, 'part'), 'utf8'), 'AAAA');
  assert.equal(memory.length, 1024);
});

test('what a thread was asked that ends is busy, and the next call has another thread', async (t) => {
  const directory = await temporaryDirectory(t);
  const workers: Worker[] = [];
  const disk = createDiskThread({
    startWorker: () => {
      const program = '../../storage-drivers/filesystem/disk-worker.js';
      const worker = new Worker(new URL(program, import.meta.url));
      workers.push(worker);
      return worker;
    },
  });
  await disk.run('create', join(directory, 'a'), bytes('a'), false);
  const [first] = workers;
  assert.ok(first);
  // It does not answer any more.
  first.removeAllListeners('message');
  const asked = disk.run('look', join(directory, 'a'));
  setImmediate(() => void first.terminate());
  await assert.rejects(asked, { code: 'EAGAIN' });
  assert.equal((await disk.run('look', join(directory, 'a')))?.size, 1);
  assert.equal(workers.length, 2);
});
