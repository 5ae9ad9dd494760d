// Directories come and go with the objects in them. This file makes them, puts them on disk, and takes the empty ones away.
//
// An entry is durable when its directory was synced after it was made, and so on for the directory's own entry up to the
// root. Which directories have come that far is remembered, with their identity: a directory that anybody removed and made
// again is another one, and its chain is synced anew. A directory cannot stay the same while one above it is replaced, so
// to know the lowest one again is enough.
import { mkdir, rmdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { allEnded } from './all-ended.ts';
import { directoryIdentity, type SyncDirectory } from './directory-sync.ts';
import { errorCode, isAbsence } from './errors.ts';

/** How many directories are remembered; one that was forgotten costs a few syncs more. */
const REMEMBERED = 8192;

/** A directory can vanish between being made and being used, but only as often as somebody deletes what was in it. */
const ATTEMPTS = 100;

export interface DurableDirectories {
  /** Does what needs the directory; when that says ENOENT, makes the directory and tries again. */
  within<T>(directory: string, attempt: () => Promise<T>): Promise<T>;
  /**
   * Makes durable what was done in the directory before the call. Where the directory is gone by now, that its
   * contents are gone is made durable instead.
   */
  settle(directory: string): Promise<void>;
  /** Removes the directory if it is empty, then the one above it, and so on; never the root. */
  prune(directory: string): Promise<void>;
}

/** For the directories below `root`, which itself is there and durable. */
export function createDurableDirectories(root: string, sync: SyncDirectory): DurableDirectories {
  const known = new Map<string, string>();

  return { within, settle, prune };

  async function within<T>(directory: string, attempt: () => Promise<T>): Promise<T> {
    for (let count = 1; ; count += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (errorCode(error) !== 'ENOENT' || count === ATTEMPTS) throw error;
      }
      await makeDirectory(directory);
    }
  }

  async function settle(directory: string): Promise<void> {
    if (known.has(directory)) {
      const identity = await sync(directory);
      if (identity !== undefined && identity === known.get(directory)) return;
      known.delete(directory);
    }
    await settleChain(directory);
  }

  /** The directory's identity is asked for before the one above is synced: what is remembered was there by then. */
  async function settleChain(directory: string): Promise<void> {
    if (directory === root) {
      await sync(root);
      return;
    }
    const before = await identityOf(directory);
    let synced: string | undefined;
    await allEnded(
      sync(directory).then((identity) => {
        synced = identity;
      }),
      settle(dirname(directory)),
    );
    if (before === undefined || synced !== before) return;
    known.set(directory, before);
    forgetOldest();
  }

  function forgetOldest(): void {
    if (known.size <= REMEMBERED) return;
    for (const directory of known.keys()) {
      known.delete(directory);
      return;
    }
  }

  async function prune(directory: string): Promise<void> {
    for (let current = directory; current !== root; current = dirname(current)) {
      try {
        await rmdir(current);
      } catch (error) {
        // Not empty, most of the time. Any other reason is no reason to fail a deletion that has been done.
        if (!isAbsence(error)) return;
      }
      known.delete(current);
    }
  }
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    // A directory on the way was removed in the meantime (which Node calls ENOTDIR when it had just found it there): the next
    // attempt makes it again. Where a file really is in the way, that attempt says so.
    if (!isAbsence(error)) throw error;
  }
}

async function identityOf(directory: string): Promise<string | undefined> {
  try {
    return directoryIdentity(await stat(directory, { bigint: true }));
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}
