// What is promised while many write at the same time: by then it was on the disk, in an order that a power cut cannot undo. Where
// nothing is promised, nothing is synced, and a power cut still never makes wrong bytes of right ones.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { createContent } from '../../src/registry/content.ts';
import { parseDigest } from '../../src/registry/digest.ts';
import { blobData, blobVerdict } from '../../src/registry/layout.ts';
import { newStagedWrite } from '../../storage-drivers/driver.ts';
import { createFilesystemDriver } from '../../storage-drivers/filesystem/filesystem-driver.ts';
import { blobOf } from '../support/content.ts';
import { temporaryDirectory } from '../support/service.ts';
import { bytes, chunksOf } from './content.ts';
import { runScenario, withoutStrace } from './driver-faults.ts';
import { readCalls, type SystemCall, tracing } from './syscall-trace.ts';

const SYNCS = new Set(['fsync', 'fdatasync']);
const WRITES = new Set(['write', 'pwrite64', 'writev', 'pwritev', 'pwritev2', 'ftruncate']);

describe('with many at the same time', { skip: withoutStrace }, () => {
  test('everything that is promised was synced before, with its name and all directories above', async (t) => {
    const { root, calls, promises } = await traceMany(t, 'strict');
    assert.equal(promises.length, 12 * 4 * 5);
    for (const { path, time } of promises) {
      assertDurable(calls, root, path, time);
    }
  });

  test('a link is not seen before its blob is durable', async (t) => {
    const { root, calls } = await traceMany(t, 'strict');
    const links = calls.filter(({ name, paths }) => name.startsWith('rename') && paths[1]?.endsWith('/link'));
    assert.equal(links.length, 12 * 4);
    for (const { start, paths } of links) {
      const [name = '', lane = ''] = /(\d+)-\d+/.exec(paths[1] ?? '') ?? [];
      assertDurable(calls, root, join(root, `blobs/${Number(lane) % 2}/${name}/data`), start);
    }
  });

  test('relaxed, nothing is synced at all', async (t) => {
    for (const scenario of ['many', 'changes']) {
      const { calls } = await traceMany(t, 'relaxed', scenario);
      // The scenario of the changes syncs by itself at its end, to see how syncs are shared.
      const own = calls.findIndex(({ paths }) => paths[0] === '/step/begin/ten syncs at once');
      const ours = own === -1 ? calls : calls.slice(0, own);
      assert.ok(ours.length > 20);
      assert.deepEqual(
        ours.filter(({ name }) => SYNCS.has(name)),
        [],
      );
    }
  });
});

test('relaxed, a driver reads what it wrote, also after a kill', async (t) => {
  const rootDirectory = await temporaryDirectory(t);
  const driver = await createFilesystemDriver({ rootDirectory, durability: 'relaxed' });
  await driver.write('a/b', bytes('small'));
  const write = await driver.append(newStagedWrite('up/data'), chunksOf(bytes('staged')));
  await driver.commit(write, 'a/blob');
  const other = await createFilesystemDriver({ rootDirectory, durability: 'relaxed' });
  assert.deepEqual(Buffer.from(await other.read('a/b')).toString(), 'small');
  assert.deepEqual(Buffer.from(await other.read('a/blob')).toString(), 'staged');
  assert.equal((await other.stat('a/b')).version, (await driver.stat('a/b')).version);
});

const content = Buffer.alloc(100_000, 'content of a blob ');
const digest = parseDigest(blobOf(content).digest);

const damages: Readonly<Record<string, (path: string) => Promise<void>>> = {
  'an empty file': (path) => truncate(path),
  'half a file': (path) => truncate(path, content.length / 2),
  'as many zeros': (path) => writeFile(path, Buffer.alloc(content.length), { flag: 'r+' }),
};

for (const [damage, inflict] of Object.entries(damages)) {
  test(`relaxed, a blob of which a power cut left ${damage} is missing, and a push heals it`, async (t) => {
    const rootDirectory = await temporaryDirectory(t);
    const open = async (boot: string) =>
      createFilesystemDriver({ rootDirectory, durability: 'relaxed', bootName: async () => boot });
    const before = await open('before');
    await createContent(before).put(digest, content);
    // It is noted that its bytes are right, and the note came to the disk.
    await before.read(blobVerdict(digest));
    const path = join(rootDirectory, blobData(digest));
    const times = join(rootDirectory, 'times');
    spawnSync('touch', ['-r', path, times]);
    await inflict(path);
    spawnSync('touch', ['-r', times, path]);

    const after = createContent(await open('after'));
    assert.equal(await after.find(digest), undefined);
    assert.equal(await after.open(digest), undefined);
    assert.equal(await after.read(digest), undefined);
    await after.put(digest, content);
    assert.deepEqual(await createContent(await open('after')).find(digest), { size: content.length });
  });
}

async function traceMany(
  t: Parameters<typeof temporaryDirectory>[0],
  durability: 'strict' | 'relaxed',
  scenario = 'many',
) {
  const directory = await temporaryDirectory(t);
  const root = join(directory, 'root');
  const trace = join(directory, 'trace');
  const outcome = runScenario(root, scenario, { under: tracing(trace), durability, threads: 8 });
  assert.deepEqual(new Set(Object.values(outcome)), new Set(['done']));
  const calls = readCalls(trace);
  const promises = calls.flatMap(({ paths, start }) => {
    const [, key] = /^\/step\/promised\/(.*)$/.exec(paths[0] ?? '') ?? [];
    return key === undefined ? [] : [{ path: join(root, key), time: start }];
  });
  return { root, calls, promises };
}

/** That at this time a power cut would have left the file under its name, with some bytes that it had by then. */
function assertDurable(calls: readonly SystemCall[], root: string, path: string, time: number): void {
  // Where it came from, and when it got its name.
  const moves = calls.filter(({ name, paths }) => name.startsWith('rename') && paths[1] === path);
  const isDurable = moves.some(
    (move) => isWritten(calls, move.paths[0] ?? '', move.start) && hasName(calls, root, path, move.end, time),
  );
  if (isDurable) return;
  assert.ok(isWritten(calls, path, time), `${path}: its bytes were synced when it was promised`);
  const [first] = calls.filter(({ name, paths }) => WRITES.has(name) && paths[0] === path);
  assert.ok(hasName(calls, root, path, first?.end ?? 0, time), `${path}: its name was synced`);
}

/** Whether the file was written, and synced after the last write before the time. */
function isWritten(calls: readonly SystemCall[], path: string, time: number): boolean {
  const writes = calls.filter((call) => WRITES.has(call.name) && call.paths[0] === path && call.end <= time);
  const last = Math.max(...writes.map(({ end }) => end));
  return (
    writes.length > 0 &&
    calls.some(
      (call) => SYNCS.has(call.name) && call.paths[0] === path && call.start >= last && call.end <= time,
    )
  );
}

/** Whether the directory was synced after the change, and each one above it after the one below it was made. */
function hasName(
  calls: readonly SystemCall[],
  root: string,
  path: string,
  changed: number,
  time: number,
): boolean {
  const directory = dirname(path);
  const isSynced = calls.some(
    (call) =>
      SYNCS.has(call.name) && call.paths[0] === directory && call.start >= changed && call.end <= time,
  );
  if (!isSynced || directory === root) return isSynced;
  const made = calls.find(({ name, paths }) => name.startsWith('mkdir') && paths[0] === directory);
  return made === undefined || hasName(calls, root, directory, made.end, time);
}
