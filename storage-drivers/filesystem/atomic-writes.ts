// Makes small objects: written aside, put on disk, and only then moved to their place.
import { open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DurableDirectories } from './durable-directories.ts';
import type { Workspace } from './workspace.ts';

export interface AtomicWrites {
  /** Makes or replaces the file. Without `durable` nothing waits for the disk. Throws system errors. */
  write(path: string, content: Uint8Array, durable: boolean): Promise<void>;
}

export function createAtomicWrites(workspace: Workspace, directories: DurableDirectories): AtomicWrites {
  return {
    async write(path, content, durable) {
      const temporary = workspace.temporaryFile();
      try {
        await directories.within(workspace.incoming, () => createFile(temporary, content, durable));
        await directories.within(dirname(path), () => rename(temporary, path));
      } catch (error) {
        // The first error says what is wrong. If the file stays, the next start finds it.
        await unlink(temporary).catch(() => undefined);
        throw error;
      }
      if (durable) await directories.settle(dirname(path));
    },
  };
}

async function createFile(path: string, content: Uint8Array, durable: boolean): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(content);
    if (durable) await handle.sync();
  } finally {
    await handle.close();
  }
}
