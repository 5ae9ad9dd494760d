// Takes objects and whole trees away, each in one step.
import { lstat, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { allEnded } from './all-ended.ts';
import type { DurableDirectories } from './durable-directories.ts';
import { isAbsence } from './errors.ts';
import { discard, type Workspace } from './workspace.ts';

/** Removes the file or the directory with all that is in it; when durable, also directories above that are empty then. */
export type Delete = (path: string, durable: boolean) => Promise<void>;

export function createDeletion(workspace: Workspace, directories: DurableDirectories): Delete {
  return async function remove(path, durable) {
    const trashed = await takeAway(path);
    // What need not last need not be tidy either: the next upload makes the same directories again, and syncs them.
    if (durable) await directories.prune(dirname(path));
    // Also when nothing was there: the deletion before this one may have failed just here.
    await allEnded(
      trashed === undefined ? Promise.resolve() : discard(trashed),
      durable ? directories.settle(dirname(path)) : Promise.resolve(),
    );
  };

  /** Resolves to where the tree is now, if it was one. */
  async function takeAway(path: string): Promise<string | undefined> {
    try {
      if (!(await lstat(path)).isDirectory()) {
        await unlink(path);
        return undefined;
      }
      const trashed = workspace.trashedDirectory();
      await directories.within(workspace.trash, () => rename(path, trashed));
      return trashed;
    } catch (error) {
      if (isAbsence(error)) return undefined;
      throw error;
    }
  }
}
