// Directories of one file system.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { blobFolder } from './blob-folder.ts';
import type { Store } from './store.ts';

/** `directory`: an empty one that takes those of all registries. */
export function createDirectoryStore(directory: string): Store {
  return {
    async createPlace(name) {
      const root = join(directory, name);
      await mkdir(root);
      return {
        storage: { filesystem: { rootdirectory: root } },
        directory: root,
        async discardBlobs(digests) {
          for (const digest of digests) await rm(join(root, blobFolder(digest)), { recursive: true });
        },
      };
    },
  };
}
