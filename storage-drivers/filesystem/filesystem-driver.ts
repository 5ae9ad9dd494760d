// Objects as files: the key `a/b` is the file `<root>/a/b`, just as the `registry` image has it, so that either can
// work on a directory of the other. Everything of our own is in `<root>/.berth` (workspace.ts).
//
// The order of every change is: bytes on disk, then the rename that makes them seen, then the directories on disk.
import type { BigIntStats } from 'node:fs';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ObjectReader, ObjectStat, StorageDriver } from '../driver.ts';
import { isKeyNotFound } from '../errors.ts';
import { type Span, spanOf } from '../ranges.ts';
import { watchSource } from '../watched-source.ts';
import { createAtomicWrites } from './atomic-writes.ts';
import { createBufferPool } from './buffer-pool.ts';
import { createDeletion } from './deletion.ts';
import { createDirectoryNames } from './directory-names.ts';
import { createDirectorySync } from './directory-sync.ts';
import { createDurableDirectories } from './durable-directories.ts';
import { asDriverError, missing, orMissing } from './errors.ts';
import { readFileParts } from './file-reader.ts';
import { listDirectory } from './listing.ts';
import { openRoot } from './root.ts';
import { createSight } from './sightings.ts';
import { createStagedFiles } from './staged-writes.ts';
import { openWorkspace } from './workspace.ts';

const BIG = { bigint: true } as const;
const NAME = 'filesystem';

export interface FilesystemDriverOptions {
  /** The directory that keys are below. It is made if it is missing. All of it must be on one filesystem. */
  readonly rootDirectory: string;
}

/**
 * Opens the directory: makes it where it is missing, tries whether it can be written to, and clears away what crashed
 * processes left in the driver's own folder. Throws a DriverError with the action `open`.
 */
export async function createFilesystemDriver(options: FilesystemDriverOptions): Promise<StorageDriver> {
  const sync = createDirectorySync();
  const pool = createBufferPool();
  const { root, workspace, sight } = await run('open', '', async () => {
    const root = await openRoot(options.rootDirectory, sync);
    return { root, workspace: await openWorkspace(root), sight: await createSight(root) };
  });
  const directories = createDurableDirectories(root, sync);
  const writes = createAtomicWrites(workspace, directories);
  const staged = createStagedFiles(directories, writes);
  const remove = createDeletion(workspace, directories);
  const readNames = createDirectoryNames(sight);

  return {
    name: NAME,
    stagesInPlace: true,

    read: (key) => run('read', key, () => readWhole(pathOf(key))),

    write: (key, content, { durable = true } = {}) =>
      run('write', key, async () => {
        await writes.write(pathOf(key), content, durable);
        return false;
      }),

    stat: (key) => run('stat', key, async () => objectStat(await orMissing(stat(pathOf(key), BIG)))),

    openRead: (key, range) => openReader('openRead', key, (size) => spanOf(range, size)),

    list: (prefix, options = {}) =>
      run('list', prefix, () => listDirectory(pathOf(prefix), options, readNames)),

    delete: (key, { durable = true } = {}) => run('delete', key, () => remove(pathOf(key), durable)),

    async append({ key, size }, content) {
      const source = watchSource(content);
      try {
        return { key, size: await staged.append(pathOf(key), size, source.content) };
      } catch (error) {
        throw source.threw(error) ? error : asDriverError(error, { driver: NAME, action: 'append', key });
      }
    },

    async openStaged({ key, size }) {
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

    commit: (write, key) =>
      run('commit', write.key, async () => {
        await staged.commit(pathOf(write.key), write.size, pathOf(key));
        return false;
      }),

    abort: (write) => run('abort', write.key, () => staged.abort(pathOf(write.key))),

    ...(sight && { sight: (key: string) => sight(pathOf(key)) }),
  };

  function pathOf(key: string): string {
    return join(root, key);
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

async function run<T>(action: string, key: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asDriverError(error, { driver: NAME, action, key });
  }
}

/**
 * In one call of Node's, which goes to its threads and back once instead of for each of open, stat, read and close. It does not tell
 * an empty file from one that could not be read.
 */
async function readWhole(path: string): Promise<Uint8Array> {
  for (let attempt = 1; ; attempt += 1) {
    const { buffer, byteOffset, length } = await orMissing(readFile(path));
    // Not a Buffer, whose `slice` shares the memory.
    if (length > 0) return new Uint8Array(buffer, byteOffset, length);
    const { handle, size } = await openObject(path);
    await handle.close();
    if (size === 0) return new Uint8Array(0);
    // Unless it was empty, and has been replaced since.
    if (attempt > 1) throw new Error(`the file ends at 0 instead of ${size}`);
  }
}

async function openObject(path: string): Promise<ObjectStat & { readonly handle: FileHandle }> {
  const handle = await orMissing(open(path, 'r'));
  try {
    return { handle, ...objectStat(await handle.stat(BIG)) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A replaced file is another inode, an appended one has another size, and both have another time. */
function objectStat(stats: BigIntStats): ObjectStat {
  if (!stats.isFile()) throw missing();
  const version = [stats.ino, stats.size, stats.mtimeNs].map((part) => part.toString(36)).join('-');
  return { size: Number(stats.size), version, modifiedAt: stats.mtime };
}

function emptyReader(): ObjectReader {
  return { size: 0, version: 'empty', modifiedAt: new Date(), content: Readable.from([]), async close() {} };
}
