// Large objects on their way in: a file that grows at the staged key, then moves to its place.
import { closeSync, constants, ftruncateSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { allEnded } from './all-ended.ts';
import type { AtomicWrites } from './atomic-writes.ts';
import { createBatchWriter } from './batches.ts';
import type { DiskThread } from './disk-thread.ts';
import type { DurableDirectories } from './durable-directories.ts';
import { isAbsence, missing, orMissing } from './errors.ts';
import { headOf } from './small-contents.ts';
import type { Syncs } from './syncs.ts';

const NO_BYTES = new Uint8Array(0);

/** All of these throw system errors, and MissingObject if the file is gone or shorter than `size`. */
export interface StagedFiles {
  /** Puts the content after the first `size` bytes; resolves to the new size when it is durable. */
  append(path: string, size: number, content: AsyncIterable<Uint8Array>): Promise<number>;
  /** Moves the first `size` bytes to `target`, durably. */
  commit(path: string, size: number, target: string): Promise<void>;
  abort(path: string): Promise<void>;
}

export interface StagedFilesDependencies {
  readonly disk: DiskThread;
  readonly syncs: Syncs;
  readonly directories: DurableDirectories;
  readonly writes: AtomicWrites;
}

export function createStagedFiles({
  disk,
  syncs,
  directories,
  writes,
}: StagedFilesDependencies): StagedFiles {
  const writeInBatches = createBatchWriter(syncs);

  return {
    async append(path, size, content) {
      const { whole, rest } = await headOf(content);
      return whole === undefined ? appendLarge(path, size, rest) : appendSmall(path, size, whole);
    },

    async commit(path, size, target) {
      let outcome = await orMissing(disk.run('commit', path, size, target));
      if (outcome === 'longer') {
        await cutToSize(path, size);
        outcome = await orMissing(disk.run('commit', path, size, target));
      }
      if (outcome === 'gone' && size === 0) return writes.write(target, NO_BYTES, {});
      if (outcome !== 'done') throw missing();
      // The move is one step, so that the directory it leads to tells the disk of both ends.
      await directories.settle(dirname(target));
      await directories.prune(dirname(path));
    },

    async abort(path) {
      await disk.run('unlink', path).catch((error: unknown) => {
        if (!isAbsence(error)) throw error;
      });
      await directories.prune(dirname(path));
    },
  };

  async function appendSmall(path: string, size: number, content: Uint8Array): Promise<number> {
    const { file, missing: isMissing } = await orMissing(
      disk.run('append', path, size, content, syncs.wanted),
    );
    if (isMissing) throw missing();
    if (file === undefined) return size + content.length;
    try {
      await finish(file, path, size);
    } catch (error) {
      // After a failed sync the system may believe that the pages are clean. They are given up, never synced again.
      ftruncateSync(file, size);
      throw error;
    } finally {
      closeSync(file);
    }
    return size + content.length;
  }

  async function appendLarge(
    path: string,
    size: number,
    content: AsyncIterable<Uint8Array>,
  ): Promise<number> {
    const handle = await openForAppend(path, size);
    try {
      await cutBack(handle, size);
      const end = await writeInBatches(handle, size, content);
      await finish(handle.fd, path, size);
      return end;
    } catch (error) {
      await cutBack(handle, size).catch(() => undefined);
      throw error;
    } finally {
      await handle.close();
    }
  }

  /** The directory is settled with the first bytes: the ones that follow find the file in it. */
  async function finish(file: number, path: string, size: number): Promise<void> {
    await allEnded(syncs.data(file), size === 0 ? directories.settle(dirname(path)) : Promise.resolve());
  }

  function openForAppend(path: string, size: number): Promise<FileHandle> {
    if (size > 0) return orMissing(open(path, constants.O_WRONLY));
    return directories.within(dirname(path), () => open(path, constants.O_WRONLY | constants.O_CREAT));
  }

  /** The file is then exactly as long as the write, and on disk. */
  async function cutToSize(path: string, size: number): Promise<void> {
    const handle = await orMissing(open(path, constants.O_WRONLY));
    try {
      await cutBack(handle, size);
      await syncs.all(handle.fd);
    } finally {
      await handle.close();
    }
  }
}

/** Drops what is behind the first `size` bytes. */
async function cutBack(handle: FileHandle, size: number): Promise<void> {
  const stat = await handle.stat();
  if (stat.size < size) throw missing();
  if (stat.size > size) await handle.truncate(size);
}
