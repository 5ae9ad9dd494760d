// Makes small objects: written aside, put on disk, and only then moved to their place.
import { closeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { WriteOptions } from '../driver.ts';
import { allEnded } from './all-ended.ts';
import type { DiskThread } from './disk-thread.ts';
import type { DurableDirectories } from './durable-directories.ts';
import { errorCode } from './errors.ts';
import type { Syncs } from './syncs.ts';
import type { Workspace } from './workspace.ts';
import type { WriteLog } from './write-log.ts';

export interface AtomicWrites {
  /** Makes or replaces the file. Throws system errors, and what `after` throws. */
  write(
    path: string,
    content: Uint8Array,
    options: Pick<WriteOptions, 'durable' | 'after' | 'fresh'>,
  ): Promise<void>;
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
    async write(path, content, { durable = true, after, fresh = false }) {
      if (log?.takes(path, content.length, durable)) {
        await after;
        await log.put(path, content, () => putUnsynced(path, content, fresh));
        return;
      }
      await log?.release(path);
      const synced = durable && syncs.wanted;
      if (fresh && (await createInPlace(path, content, synced))) return;
      if (!synced) {
        await after;
        await putUnsynced(path, content);
        return;
      }
      const temporary = workspace.temporaryFile();
      try {
        await sync(disk.run('create', temporary, content, true));
        await after;
        await directories.settle(dirname(path), disk.run('move', temporary, path));
      } catch (error) {
        // The first error says what is wrong. If the file stays, the next start finds it.
        await disk.run('unlink', temporary).catch(() => undefined);
        throw error;
      }
    },
  };

  async function putUnsynced(path: string, content: Uint8Array, fresh = false): Promise<void> {
    if (fresh && (await createInPlace(path, content, false))) return;
    await disk.run('put', workspace.temporaryFile(), path, content);
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
