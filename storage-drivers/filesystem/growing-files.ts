// Objects that only grow, such as journals: files that stay open, with room for what comes next (roomy-files.ts).
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DiskThread } from './disk-thread.ts';
import type { DurableDirectories } from './durable-directories.ts';
import { missing } from './errors.ts';
import { createRoomyFile, type RoomyFile } from './roomy-files.ts';

export interface GrowingFiles {
  /** Whether the file was begun here. */
  has(path: string): boolean;
  /** Makes the file. Resolves when it is durable. Throws system errors; there is no file then. */
  begin(path: string): Promise<void>;
  /** Adds the content, as `RoomyFile` does. Throws system errors, and MissingObject if somebody removed the file. */
  add(path: string, content: Uint8Array, durable: boolean): Promise<void>;
  /** Removes the file. Throws system errors. */
  remove(path: string): Promise<void>;
}

export function createGrowingFiles(directories: DurableDirectories, disk: DiskThread): GrowingFiles {
  const open = new Map<string, RoomyFile>();

  async function remove(path: string): Promise<void> {
    const file = open.get(path);
    open.delete(path);
    file?.close();
    await rm(path, { force: true });
    await directories.prune(dirname(path));
  }

  return {
    has: (path) => open.has(path),

    async begin(path) {
      open.set(path, await directories.within(dirname(path), () => createRoomyFile(path, disk)));
      try {
        await directories.settle(dirname(path));
      } catch (error) {
        await remove(path);
        throw error;
      }
    },

    async add(path, content, durable) {
      const file = open.get(path);
      if (file === undefined || !file.isThere()) throw missing();
      await file.add(content, durable);
    },

    remove,
  };
}
