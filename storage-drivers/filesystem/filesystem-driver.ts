// Objects as files: the key `a/b` is the file `<root>/a/b`, just as the `registry` image has it, so that either can
// work on a directory of the other. Everything of our own is in `<root>/.berth` (workspace.ts).
//
// The order of every change is: bytes on disk, then the rename that makes them seen, then the directories on disk. Where nobody else
// writes, small ones may come to the disk in a log first (write-log.ts).
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createBufferPool } from '../buffer-pool.ts';
import type { ObjectReader, ObjectStat, Sealing, StorageDriver, WriteOptions } from '../driver.ts';
import { isKeyNotFound } from '../errors.ts';
import { openHeldBytes } from '../held-bytes.ts';
import { type Span, spanOf } from '../ranges.ts';
import { watchSource } from '../watched-source.ts';
import { createAtomicWrites, type FileOptions } from './atomic-writes.ts';
import { createDeletion } from './deletion.ts';
import { createDirectoryNames } from './directory-names.ts';
import { createDirectorySync } from './directory-sync.ts';
import { createDiskThread, type FileFacts } from './disk-thread.ts';
import { createDurableDirectories } from './durable-directories.ts';
import { asDriverError, missing, orMissing } from './errors.ts';
import { readFileParts } from './file-reader.ts';
import { listDirectory } from './listing.ts';
import { recoverLogs } from './log-recovery.ts';
import { openRoot } from './root.ts';
import { createSight } from './sightings.ts';
import { createSmallFiles } from './small-files.ts';
import { createStagedObjects } from './staged-objects.ts';
import { createStagedFiles } from './staged-writes.ts';
import { syncStore } from './store-sync.ts';
import { createSyncs, type Durability } from './syncs.ts';
import { openWorkspace } from './workspace.ts';
import { createWriteLog } from './write-log.ts';

const BIG = { bigint: true } as const;
const NAME = 'filesystem';

export interface FilesystemDriverOptions {
  /** The directory that keys are below. It is made if it is missing. All of it must be on one filesystem. */
  readonly rootDirectory: string;
  /** @default 'strict' */
  readonly durability?: Durability;
  /**
   * A prefix. Only this process changes what is below it, and begins with that when it has called `recover`: small writes there may come
   * to the disk in a log first.
   * @default none
   */
  readonly ownPrefix?: string;
  /**
   * For how long, in milliseconds, such a write may be durable in the log only.
   * @default 1000
   */
  readonly logMs?: number;
  /** Names the time since the machine was started. Only asked for where that matters. */
  readonly bootName?: () => Promise<string>;
}

/**
 * Opens the directory: makes it where it is missing, tries whether it can be written to, and clears away what crashed
 * processes left in the driver's own folder. Throws a DriverError with the action `open`.
 */
export async function createFilesystemDriver(options: FilesystemDriverOptions): Promise<StorageDriver> {
  const { durability = 'strict', bootName = readBootName, ownPrefix, logMs } = options;
  const disk = createDiskThread();
  const syncs = createSyncs(durability);
  const sync = createDirectorySync(disk, syncs);
  const pool = createBufferPool();
  const { root, workspace, files, sight } = await run('open', '', async () => {
    const root = await openRoot(options.rootDirectory, sync);
    const files = createSmallFiles(disk, syncs.wanted ? '' : await bootName());
    return { root, files, workspace: await openWorkspace(root, syncs), sight: await createSight(root) };
  });
  const directories = createDurableDirectories({ root, disk, syncs, sync });
  const logs = {
    root,
    directory: workspace.log,
    sync: (paths: readonly string[]) => syncStore({ root, syncs }, paths),
    syncDirectory: () => directories.settle(workspace.log),
  };
  const log =
    ownPrefix !== undefined && syncs.byWrite
      ? createWriteLog({ ...logs, disk, keyOf, scope: pathOf(ownPrefix), oldMs: logMs })
      : undefined;
  const writes = createAtomicWrites({ disk, syncs, workspace, directories, log });
  const staged = createStagedObjects({
    pathOf,
    files: createStagedFiles({ disk, syncs, directories, writes, log }),
    writes,
  });
  const remove = createDeletion(disk, workspace, directories, log);
  const readNames = createDirectoryNames(sight);

  return {
    name: NAME,
    stagesInPlace: true,

    read: (key) => run('read', key, () => files.read(pathOf(key))),

    write: (key, content, options = {}) =>
      run('write', key, async () => {
        return sealingOf(await writes.write(pathOf(key), content, withPaths(options)));
      }),

    stat: (key) => run('stat', key, () => files.look(pathOf(key))),

    openRead: (key, range) => openReader('openRead', key, (size) => spanOf(range, size)),

    list: (prefix, options = {}) =>
      run('list', prefix, () => listDirectory(pathOf(prefix), options, readNames)),

    delete: (key, { durable = true } = {}) => run('delete', key, () => remove(pathOf(key), durable)),

    async append(write, content, options = {}) {
      const source = watchSource(content);
      try {
        return await staged.append(write, source.content, options);
      } catch (error) {
        if (source.threw(error)) throw error;
        throw asDriverError(error, { driver: NAME, action: 'append', key: write.key });
      }
    },

    async openStaged(write) {
      const { key, size } = write;
      const held = await run('openStaged', key, async () => staged.held(write));
      if (held !== undefined) return openHeldBytes(held);
      try {
        const reader = await openReader('openStaged', key, (present) =>
          present < size ? undefined : { start: 0, length: size },
        );
        return { ...reader, size };
      } catch (error) {
        if (size === 0 && isKeyNotFound(error)) return emptyReader();
        throw error;
      }
    },

    commit: (write, key, options = {}) =>
      run('commit', write.key, async () => {
        return sealingOf(await staged.commit(write, pathOf(key), withPaths(options)));
      }),

    abort: (write) => run('abort', write.key, () => staged.abort(write)),

    recover: (exclusively) =>
      run('recover', '', () => recoverLogs({ ...logs, workspace, disk }, exclusively)),

    settle: () => run('settle', '', async () => log?.close()),

    ...(sight && { sight: (key: string) => sight(pathOf(key))?.stillThere }),
  };

  function pathOf(key: string): string {
    // Keys are checked: there is nothing to be resolved in them.
    return key === '' ? root : `${root === '/' ? '' : root}/${key}`;
  }

  function sealingOf(made: FileFacts | undefined): Sealing {
    return { isKept: false, ...(made && { version: files.describe(made).version }) };
  }

  function withPaths({ followers = [], ...options }: WriteOptions): FileOptions {
    return { ...options, followers: followers.map(({ key, content }) => ({ path: pathOf(key), content })) };
  }

  function keyOf(path: string): string {
    return path.slice(root === '/' ? 1 : root.length + 1);
  }

  async function openObject(path: string): Promise<ObjectStat & { readonly handle: FileHandle }> {
    const handle = await orMissing(open(path, 'r'));
    try {
      const stats = await handle.stat(BIG);
      if (!stats.isFile()) throw missing();
      return { handle, ...files.describe({ ...stats, size: Number(stats.size) }) };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async function openReader(
    action: string,
    key: string,
    choose: (size: number) => Span | undefined,
  ): Promise<ObjectReader> {
    const { handle, ...found } = await run(action, key, () => openObject(pathOf(key)));
    const translate = (error: unknown) => asDriverError(error, { driver: NAME, action, key });
    const span = choose(found.size);
    if (span !== undefined) return { ...found, ...readFileParts(handle, span, pool, translate) };
    await handle.close();
    throw translate(action === 'openStaged' ? missing() : new RangeError('outside the object'));
  }
}

/** Names the time since the machine was started; where nobody can tell, the time since this process was. */
async function readBootName(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(randomUUID);
  return boot.trim().slice(0, 8);
}

async function run<T>(action: string, key: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asDriverError(error, { driver: NAME, action, key });
  }
}

function emptyReader(): ObjectReader {
  return { size: 0, version: 'empty', modifiedAt: new Date(), content: Readable.from([]), async close() {} };
}
