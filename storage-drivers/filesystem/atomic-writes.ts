// Makes small objects: written aside, put on disk, and only then moved to their place.
import { closeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { WriteOptions } from '../driver.ts';
import { allEnded } from './all-ended.ts';
import type { DiskThread, FileFacts } from './disk-thread.ts';
import type { DurableDirectories } from './durable-directories.ts';
import { errorCode } from './errors.ts';
import type { Syncs } from './syncs.ts';
import type { Workspace } from './workspace.ts';
import type { WriteLog } from './write-log.ts';

type Options = Pick<WriteOptions, 'durable' | 'after' | 'mayPrecede' | 'fresh' | 'seal'>;

export interface AtomicWrites {
  /**
   * Makes or replaces the file. Resolves to what is known of it, if there is a seal for it and that costs no more. Throws system errors, and
   * what `after` throws.
   */
  write(path: string, content: Uint8Array, options: Options): Promise<FileFacts | undefined>;
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

  return {
    async write(path, content, options) {
      const { durable = true, after, mayPrecede = false, fresh = false } = options;
      if (log?.takes(path, content.length, durable)) {
        if (!mayPrecede) await after;
        const waitsFor = mayPrecede ? after : undefined;
        return log.put(path, content, () => putUnsynced(path, content, options), waitsFor);
      }
      await log?.release(path);
      const synced = durable && syncs.wanted;
      if (fresh && (await createInPlace(path, content, synced))) return undefined;
      if (synced) return putSynced(path, content, options);
      await after;
      return putUnsynced(path, content, { ...options, fresh: false });
    },
  };

  async function putUnsynced(
    path: string,
    content: Uint8Array,
    { fresh, seal }: Options,
  ): Promise<FileFacts | undefined> {
    if (fresh && (await createInPlace(path, content, false))) return undefined;
    return disk.run('put', workspace.temporaryFile(), path, content, seal !== undefined);
  }

  async function putSynced(
    path: string,
    content: Uint8Array,
    { after, seal }: Options,
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
