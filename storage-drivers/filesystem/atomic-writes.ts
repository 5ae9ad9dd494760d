// Makes small objects: written aside, put on disk, and only then moved to their place.
import { closeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { WriteOptions } from '../driver.ts';
import { allEnded } from './all-ended.ts';
import { type DiskThread, type FileFacts, withOwnMemory } from './disk-thread.ts';
import type { DurableDirectories } from './durable-directories.ts';
import { errorCode } from './errors.ts';
import type { Syncs } from './syncs.ts';
import type { Workspace } from './workspace.ts';
import type { FileContent, WriteLog } from './write-log.ts';

export type FileOptions = Pick<WriteOptions, 'durable' | 'after' | 'fresh' | 'seal'> & {
  readonly followers?: readonly FileContent[];
};

export interface AtomicWrites {
  /**
   * Makes or replaces the file, and those behind it. Resolves to what is known of the first, if there is a seal for it and that costs no more.
   * Throws system errors, and what `after` throws.
   */
  write(path: string, content: Uint8Array, options: FileOptions): Promise<FileFacts | undefined>;
  /** Makes files behind what the promise is of, in their order: they are prepared meanwhile. Throws system errors, and what it throws. */
  writeBehind(before: Promise<unknown>, followers: readonly FileContent[]): Promise<void>;
}

export interface AtomicWritesDependencies {
  readonly disk: DiskThread;
  readonly syncs: Syncs;
  readonly workspace: Workspace;
  readonly directories: DurableDirectories;
  /** Absent: each write brings its own file to the disk. */
  readonly log?: WriteLog | undefined;
}

export function createAtomicWrites(dependencies: AtomicWritesDependencies): AtomicWrites {
  const { disk, syncs, workspace, directories, log } = dependencies;

  return { write, writeBehind };

  async function write(
    path: string,
    content: Uint8Array,
    options: FileOptions,
  ): Promise<FileFacts | undefined> {
    const { durable = true, after, followers = [] } = options;
    // In one step with others it is not made in place.
    const fresh = options.fresh === true && followers.length === 0;
    const files = [{ path, content }, ...followers];
    if (log !== undefined && files.every((file) => log.takes(file.path, file.content.length, durable))) {
      await after;
      return log.put(files, () => putUnsynced(files, { ...options, fresh }));
    }
    const synced = durable && syncs.wanted;
    const isOneStep = log === undefined && !synced;
    if (followers.length > 0 && !isOneStep) {
      const first = write(path, content, { ...options, followers: [] });
      await writeBehind(first, followers);
      return first;
    }
    await log?.release(path);
    if (fresh && (await createInPlace(path, content, synced))) return undefined;
    if (synced) return putSynced(path, content, options);
    await after;
    return putUnsynced(files, { ...options, fresh: false });
  }

  async function writeBehind(before: Promise<unknown>, followers: readonly FileContent[]): Promise<void> {
    let last = before;
    const all = [last];
    for (const { path, content } of followers) {
      last = write(path, content, { after: last });
      all.push(last);
    }
    await allEnded(...all);
  }

  async function putUnsynced(
    files: readonly FileContent[],
    { fresh, seal }: FileOptions,
  ): Promise<FileFacts | undefined> {
    const [first] = files;
    if (fresh && first && (await createInPlace(first.path, first.content, false))) return undefined;
    const newFiles = files.map(({ path, content }) => ({
      path,
      temporary: workspace.temporaryFile(),
      content: withOwnMemory(content),
    }));
    return disk.run('put', newFiles, seal !== undefined);
  }

  async function putSynced(
    path: string,
    content: Uint8Array,
    { after, seal }: FileOptions,
  ): Promise<FileFacts | undefined> {
    const temporary = workspace.temporaryFile();
    try {
      await sync(disk.run('create', temporary, content, true));
      await after;
      const moved = disk.run('move', temporary, path, seal !== undefined);
      await directories.settle(dirname(path), moved);
      return await moved;
    } catch (error) {
      // The first error says what is wrong. If the file stays, the next start finds it.
      await disk.run('unlink', temporary).catch(() => undefined);
      throw error;
    }
  }

  /** Nobody looks yet, so its bytes and its name are brought to the disk at the same time. False if there is a file already. */
  async function createInPlace(path: string, content: Uint8Array, synced: boolean): Promise<boolean> {
    const file = disk.run('create', path, content, synced);
    try {
      await (synced ? allEnded(sync(file), directories.settle(dirname(path), file)) : file);
      return true;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      await disk.run('unlink', path).catch(() => undefined);
      throw error;
    }
  }

  async function sync(opened: Promise<number | undefined>): Promise<void> {
    const file = await opened;
    if (file === undefined) throw new Error('the file was not left open');
    try {
      await syncs.all(file);
    } finally {
      closeSync(file);
    }
  }
}
