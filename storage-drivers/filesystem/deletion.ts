// Takes objects and whole trees away, each in one step.
import { dirname } from 'node:path';
import { allEnded } from './all-ended.ts';
import type { DiskThread } from './disk-thread.ts';
import type { DurableDirectories } from './durable-directories.ts';
import { orAbsent } from './errors.ts';
import { discard, type Workspace } from './workspace.ts';
import type { WriteLog } from './write-log.ts';

/** Removes the file or the directory with all that is in it; when durable, also directories above that are empty then. */
export type Delete = (path: string, durable: boolean) => Promise<void>;

export function createDeletion(
  disk: DiskThread,
  workspace: Workspace,
  directories: DurableDirectories,
  log?: WriteLog,
): Delete {
  return (path, durable) =>
    log === undefined ? remove(path, durable) : log.remove(path, () => remove(path, durable));

  async function remove(path: string, durable: boolean): Promise<void> {
    const trashed = await takeAway(path);
    const emptied = trashed === undefined ? Promise.resolve() : empty(trashed);
    // It is out of sight: what need not last need not be waited for, and not be tidy either. The next upload makes the same
    // directories again, and syncs them.
    if (!durable) return;
    await directories.prune(dirname(path));
    // Also when nothing was there: the deletion before this one may have failed just here.
    await allEnded(emptied, directories.settle(dirname(path)));
  }

  /** What cannot be removed now is left to the next start. */
  async function empty(trashed: string): Promise<void> {
    const isEmpty = await disk.run('empty', trashed).catch(() => true);
    if (!isEmpty) await discard(trashed);
  }

  /** Resolves to where the tree is now, if it was one that is not gone yet. */
  async function takeAway(path: string): Promise<string | undefined> {
    const trashed = workspace.trashedDirectory();
    return (await orAbsent(disk.run('remove', path, trashed))) ? trashed : undefined;
  }
}
