// Large objects on their way in: a file that grows at the staged key, then moves to its place.
import { constants } from 'node:fs';
import { type FileHandle, open, rename, stat, unlink, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { allEnded } from './all-ended.ts';
import type { AtomicWrites } from './atomic-writes.ts';
import { createBatchWriter } from './batches.ts';
import type { DurableDirectories } from './durable-directories.ts';
import { errorCode, isAbsence, missing, orMissing } from './errors.ts';

const NO_BYTES = new Uint8Array(0);

/** All of these throw system errors, and MissingObject if the file is gone or shorter than `size`. */
export interface StagedFiles {
  /** Puts the content after the first `size` bytes; resolves to the new size when it is durable. */
  append(path: string, size: number, content: AsyncIterable<Uint8Array>): Promise<number>;
  /** Moves the first `size` bytes to `target`, durably. */
  commit(path: string, size: number, target: string): Promise<void>;
  abort(path: string): Promise<void>;
}

export function createStagedFiles(directories: DurableDirectories, writes: AtomicWrites): StagedFiles {
  const writeInBatches = createBatchWriter();

  return {
    async append(path, size, content) {
      const handle = await openForAppend(path, size);
      try {
        await cutBack(handle, size);
        const end = await writeInBatches(handle, size, content);
        // The directory is settled with the first bytes: the ones that follow find the file in it.
        await allEnded(handle.datasync(), size === 0 ? directories.settle(dirname(path)) : Promise.resolve());
        return end;
      } catch (error) {
        // After a failed sync the system may believe that the pages are clean. They are given up, never synced again.
        await cutBack(handle, size).catch(() => undefined);
        throw error;
      } finally {
        await handle.close();
      }
    },

    async commit(path, size, target) {
      if (size === 0 && !(await exists(path))) return writes.write(target, NO_BYTES, true);
      await cutToSize(path, size);
      // The object is as old as its commit, whenever its bytes came: whoever clears up goes by that.
      const now = new Date();
      await orMissing(utimes(path, now, now));
      try {
        await directories.within(dirname(target), () => rename(path, target));
      } catch (error) {
        if (errorCode(error) === 'ENOENT' && !(await exists(path))) throw missing(error);
        throw error;
      }
      await allEnded(directories.settle(dirname(target)), directories.settle(dirname(path)));
      await directories.prune(dirname(path));
    },

    async abort(path) {
      await unlink(path).catch((error: unknown) => {
        if (!isAbsence(error)) throw error;
      });
      await directories.prune(dirname(path));
    },
  };

  function openForAppend(path: string, size: number): Promise<FileHandle> {
    if (size > 0) return orMissing(open(path, constants.O_WRONLY));
    return directories.within(dirname(path), () => open(path, constants.O_WRONLY | constants.O_CREAT));
  }
}

/** Drops what is behind the first `size` bytes. */
async function cutBack(handle: FileHandle, size: number): Promise<void> {
  const stat = await handle.stat();
  if (stat.size < size) throw missing();
  if (stat.size > size) await handle.truncate(size);
}

/** The file is then exactly as long as the write, and on disk. */
async function cutToSize(path: string, size: number): Promise<void> {
  const present = await orMissing(stat(path));
  if (!present.isFile()) throw missing();
  if (present.size === size) return;
  const handle = await orMissing(open(path, constants.O_WRONLY));
  try {
    await cutBack(handle, size);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}
