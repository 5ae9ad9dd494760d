// Watches the system calls of the filesystem driver: when a change is acknowledged, the file, its directory and every
// directory that was made for it have been put on disk, in the order that a power cut cannot undo.
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { temporaryDirectory } from '../support/service.ts';
import { runScenario, withoutStrace } from './driver-faults.ts';
import { readSteps, type SystemCall, tracing } from './syscall-trace.ts';

const WRITES = new Set(['write', 'pwrite64', 'writev', 'pwritev', 'pwritev2', 'ftruncate']);
const SYNCS = new Set(['fsync', 'fdatasync']);

/** strace gives times in microseconds, and a duration may be rounded up. */
const CLOCK_STEP = 2e-6;

describe('the order of system calls', { skip: withoutStrace }, () => {
  let directory = '';
  let root = '';
  let steps = new Map<string, SystemCall[]>();
  before(async () => {
    directory = await temporaryDirectory();
    root = join(directory, 'root');
    const trace = join(directory, 'trace');
    const outcome = runScenario(root, 'changes', { under: tracing(trace) });
    assert.deepEqual(new Set(Object.values(outcome)), new Set(['done']));
    steps = readSteps(trace);
  });
  after(() => rm(directory, { recursive: true, force: true }));

  test('a new root is put on disk when it is opened', () => {
    assert.ok(syncsOf('open').includes(dirname(root)));
  });

  test('a write syncs its file, then renames it, then syncs its directory', () => {
    for (const step of ['write into known directories', 'replace', 'write into removed directories']) {
      const { rename, source, target } = onlyRename(step);
      assertSyncedBefore(step, source, rename.start);
      assertSyncedAfter(step, dirname(target), rename.end);
    }
  });

  test('directories that a write makes are put on disk up to the root', () => {
    for (const step of ['write into new directories', 'write into removed directories', 'append', 'commit']) {
      const made = callsOf(step).filter(({ name }) => name.startsWith('mkdir'));
      assert.ok(made.length > 0, step);
      for (const { paths, end } of made) assertSyncedAfter(step, dirname(paths[0] ?? ''), end);
    }
  });

  test('directories that somebody else made, or made again, are put on disk too', () => {
    for (const step of ['write into foreign directories', 'write into replaced directories']) {
      const { rename, target } = onlyRename(step);
      assertSyncedAfter(step, dirname(target), rename.end);
      assert.deepEqual(
        new Set(syncsOf(step).filter((path) => !path.includes('.berth'))),
        new Set([root, join(root, 'foreign'), join(root, 'foreign/deep')]),
      );
    }
  });

  test('callers that wait for the sync of a directory share one', () => {
    assert.deepEqual(syncsOf('ten syncs at once'), [root]);
    assert.deepEqual(syncsOf('ten syncs while one is under way'), [root, root]);
  });

  test('a write into known directories syncs its file and one directory, no more', () => {
    for (const step of ['write into known directories', 'replace']) {
      assert.equal(syncsOf(step).length, 2, step);
      assert.equal(syncsOf(step)[1], join(root, 'a/b'));
    }
  });

  test('an append syncs its file once, after the last byte, and its directory when it is new', () => {
    const file = join(root, 'uploads/1/data');
    for (const step of ['append', 'append more']) {
      assert.equal(syncsOf(step).filter((path) => path === file).length, 1, step);
      assertSyncedBefore(step, file, Number.POSITIVE_INFINITY);
    }
    assert.ok(syncsOf('append').includes(dirname(file)));
    assert.deepEqual(syncsOf('append more'), [file]);
  });

  test('an append writes each of its chunks once, as it is', () => {
    const writes = callsOf('append').filter(({ name }) => WRITES.has(name));
    assert.equal(writes.length, 48, '3 MiB in chunks of 64 KiB');
  });

  test('a commit syncs the directory that the file came into, which tells of both, and writes nothing', () => {
    const { rename, source, target } = onlyRename('commit');
    assert.equal(source, join(root, 'uploads/1/data'));
    assert.equal(target, join(root, 'blobs/x/data'));
    assertSyncedAfter('commit', dirname(target), rename.end);
    assert.ok(!callsOf('commit').some(({ name }) => WRITES.has(name)));
  });

  test('a deletion syncs the lowest directory that is left', () => {
    assert.deepEqual(syncsOf('delete object'), [join(root, 'a/b')]);
    const { rename } = onlyRename('delete tree');
    assertSyncedAfter('delete tree', root, rename.end);
  });

  test('a write or an append that need not last syncs nothing', () => {
    assert.deepEqual(syncsOf('passing append'), []);
    assert.ok(callsOf('passing append').some(({ name }) => WRITES.has(name)));
    assert.deepEqual(syncsOf('passing write'), []);
    assert.ok(onlyRename('passing write').target.endsWith('/cache/x'));
  });

  function callsOf(step: string): SystemCall[] {
    const calls = steps.get(step);
    assert.ok(calls !== undefined, `the trace has the step ${step}`);
    return calls.filter(({ paths }) => paths[0]?.startsWith(dirname(root)));
  }

  function syncsOf(step: string): string[] {
    return callsOf(step)
      .filter(({ name }) => SYNCS.has(name))
      .map(({ paths }) => paths[0] ?? '');
  }

  function onlyRename(step: string): { rename: SystemCall; source: string; target: string } {
    const [rename, ...others] = callsOf(step).filter(({ name }) => name.startsWith('rename'));
    assert.ok(rename !== undefined && others.length === 0, `${step} renames once`);
    const [source = '', target = ''] = rename.paths;
    return { rename, source, target };
  }

  function assertSyncedBefore(step: string, path: string, time: number): void {
    const touched = callsOf(step).filter((call) => WRITES.has(call.name) && call.paths[0] === path);
    const written = Math.max(...touched.map(({ end }) => end));
    assert.ok(
      callsOf(step).some(
        (call) =>
          SYNCS.has(call.name) &&
          call.paths[0] === path &&
          call.start >= written - CLOCK_STEP &&
          call.end <= time + CLOCK_STEP,
      ),
      `${step}: ${path} is synced after it was written and before it is renamed`,
    );
  }

  function assertSyncedAfter(step: string, path: string, time: number): void {
    assert.ok(
      callsOf(step).some(
        (call) => SYNCS.has(call.name) && call.paths[0] === path && call.start >= time - CLOCK_STEP,
      ),
      `${step}: ${path} is synced afterwards`,
    );
  }
});
