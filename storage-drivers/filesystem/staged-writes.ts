// Large objects on their way in: a file that grows at the staged key, then moves to its place.
import { closeSync, constants, ftruncateSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { chunksOf } from '../contents.ts';
import type { AppendOptions, ObjectContent } from '../driver.ts';
import { allEnded } from './all-ended.ts';
import type { AtomicWrites } from './atomic-writes.ts';
import type { DiskThread } from './disk-thread.ts';
import type { DurableDirectories } from './durable-directories.ts';
import { missing, orAbsent, orMissing } from './errors.ts';
import { createFileWriter } from './file-writer.ts';
import { createGrowingFiles } from './growing-files.ts';
import { headOf } from './small-contents.ts';
import type { Syncs } from './syncs.ts';
import type { WriteLog } from './write-log.ts';

const NO_BYTES = new Uint8Array(0);

/** All of these throw system errors, and MissingObject if the file is gone or shorter than `size`. */
export interface StagedFiles {
  /** Puts the content after the first `size` bytes; resolves to the new size when it is durable, if few bytes are to be. */
  append(path: string, size: number, content: ObjectContent, options: AppendOptions): Promise<number>;
  /** Moves the first `size` bytes to `target`, durably. */
  commit(path: string, size: number, target: string): Promise<void>;
  abort(path: string): Promise<void>;
}

export interface StagedFilesDependencies {
  readonly disk: DiskThread;
  readonly syncs: Syncs;
  readonly directories: DurableDirectories;
  readonly writes: AtomicWrites;
  readonly log?: WriteLog | undefined;
}

export function createStagedFiles({
  disk,
  syncs,
  directories,
  writes,
  log,
}: StagedFilesDependencies): StagedFiles {
  const writeFrom = createFileWriter(syncs);
  const growing = createGrowingFiles(directories, disk);

  return {
    async append(path, size, content, { durable = true, grows = false }) {
      if (growing.has(path)) return addGrowing(path, size, content, durable);
      await log?.release(path);
      if (grows && size === 0 && syncs.byWrite) return beginGrowing(path, content);
      const head = await headOf(content);
      if (head.whole !== undefined) return appendSmall(path, size, head.whole, durable && syncs.wanted);
      try {
        return await appendLarge(path, size, head.rest);
      } finally {
        await head.giveUp();
      }
    },

    async commit(path, size, target) {
      await log?.release(target);
      if ((await commitAsItIs(path, size, target)) === 'longer') {
        await cutToSize(path, size);
        await commitAsItIs(path, size, target);
      }
      await directories.prune(dirname(path));
    },

    async abort(path) {
      if (growing.has(path)) return growing.remove(path);
      await orAbsent(disk.run('unlink', path));
      await directories.prune(dirname(path));
    },
  };

  async function beginGrowing(path: string, content: ObjectContent): Promise<number> {
    await growing.begin(path);
    return addGrowing(path, 0, content, true);
  }

  async function addGrowing(
    path: string,
    size: number,
    content: ObjectContent,
    durable: boolean,
  ): Promise<number> {
    let end = size;
    for await (const chunk of chunksOf(content)) {
      await growing.add(path, chunk, durable);
      end += chunk.length;
    }
    return end;
  }

  /** The move is one step, so that the directory it leads to tells the disk of both ends. */
  async function commitAsItIs(path: string, size: number, target: string): Promise<'done' | 'longer'> {
    const committed = orMissing(disk.run('commit', path, size, target));
    await directories.settle(dirname(target), committed);
    const outcome = await committed;
    if (outcome === 'gone' && size === 0) await writes.write(target, NO_BYTES, {});
    else if (outcome === 'gone' || outcome === 'shorter') throw missing();
    return outcome === 'longer' ? 'longer' : 'done';
  }

  async function appendSmall(
    path: string,
    size: number,
    content: Uint8Array,
    isSynced: boolean,
  ): Promise<number> {
    const appended = orMissing(disk.run('append', path, size, content, isSynced)).then((outcome) => {
      if (outcome.missing) throw missing();
      return outcome.file;
    });
    await allEnded(
      syncSmall(appended, size),
      isSynced && size === 0 ? directories.settle(dirname(path), appended) : appended,
    );
    return size + content.length;
  }

  async function syncSmall(appended: Promise<number | undefined>, size: number): Promise<void> {
    const file = await appended;
    if (file === undefined) return;
    try {
      await syncs.data(file);
    } catch (error) {
      // After a failed sync the system may believe that the pages are clean. They are given up, never synced again.
      ftruncateSync(file, size);
      throw error;
    } finally {
      closeSync(file);
    }
  }

  async function appendLarge(
    path: string,
    size: number,
    content: AsyncIterable<Uint8Array>,
  ): Promise<number> {
    const handle = await openForAppend(path, size);
    try {
      await cutBack(handle, size);
      const end = await writeFrom(handle, size, content);
      // The directory is settled with the first bytes: the ones that follow find the file in it.
      await allEnded(
        syncs.data(handle.fd),
        size === 0 ? directories.settle(dirname(path)) : Promise.resolve(),
      );
      return end;
    } catch (error) {
      // As above.
      await cutBack(handle, size).catch(() => undefined);
      throw error;
    } finally {
      await handle.close();
    }
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
