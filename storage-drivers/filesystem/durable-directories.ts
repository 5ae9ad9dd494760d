// Directories come and go with the objects in them. This file makes them, puts them on disk, and takes the empty ones away.
//
// An entry is durable when its directory was synced after it was made, and so on for the directory's own entry up to the
// root. Which directories have come that far is remembered, with their identity: a directory that anybody removed and made
// again is another one, and its chain is synced anew. A directory cannot stay the same while one above it is replaced, so
// to know the lowest one again is enough.
import { closeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { allResults } from './all-ended.ts';
import type { DirectorySync, OpenDirectories } from './directory-sync.ts';
import type { DiskThread } from './disk-thread.ts';
import { errorCode, isAbsence } from './errors.ts';
import type { Syncs } from './syncs.ts';

/** How many directories are remembered; one that was forgotten costs a few syncs more. */
const REMEMBERED = 8192;

/** A directory can vanish between being made and being used, but only as often as somebody deletes what was in it. */
const ATTEMPTS = 100;

export interface DurableDirectories {
  /** Does what needs the directory; when that says ENOENT, makes the directory and tries again. */
  within<T>(directory: string, attempt: () => Promise<T>): Promise<T>;
  /**
   * Makes durable what was done in the directory before the call, or what `change` does in it, once that has ended well. Where the
   * directory is gone by now, that its contents are gone is made durable instead. Throws what `change` throws.
   */
  settle(directory: string, change?: Promise<unknown>): Promise<void>;
  /** Removes the directory if it is empty, then the one above it, and so on; never the root. */
  prune(directory: string): Promise<void>;
}

export interface DurableDirectoriesDependencies {
  /** The directory above all others, which is there and durable. */
  readonly root: string;
  readonly disk: DiskThread;
  readonly syncs: Syncs;
  readonly sync: DirectorySync;
}

export function createDurableDirectories(dependencies: DurableDirectoriesDependencies): DurableDirectories {
  const { root, disk, syncs, sync } = dependencies;
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

  async function settle(directory: string, change: Promise<unknown> = Promise.resolve()): Promise<void> {
    if (!syncs.wanted) {
      await change;
      return;
    }
    const chain = chainOf(directory);
    // Opened on the way of the change itself, so that its thread is asked once.
    const [changed, opened] = await Promise.allSettled([change, sync.open(chain)]);
    if (changed.status === 'rejected') {
      if (opened.status === 'fulfilled') closeAll(opened.value);
      throw changed.reason;
    }
    if (opened.status === 'rejected') throw opened.reason;
    await syncChain(chain, opened.value);
  }

  /** The directory and those above it, up to one that is remembered or the root. */
  function chainOf(directory: string): string[] {
    const chain = [directory];
    for (let above = directory; above !== root && !known.has(above); ) {
      above = dirname(above);
      chain.push(above);
    }
    return chain;
  }

  /**
   * Syncs all of a chain at the same time. Each one's identity was asked for before any of them is synced: what is remembered was
   * there by then. One that is remembered has to be the same still, or what is above it is of another one.
   */
  async function syncChain(chain: readonly string[], opened: OpenDirectories): Promise<void> {
    const synced = await allResults(chain.map((directory, index) => sync.sync(directory, opened[index])));
    const top = chain.at(-1) ?? root;
    if (top !== root && known.get(top) !== synced.at(-1)) {
      known.delete(top);
      await settle(dirname(top));
    }
    for (const [index, directory] of chain.entries()) {
      const identity = opened[index]?.identity;
      if (identity !== undefined && identity === synced[index]) remember(directory, identity);
    }
  }

  function remember(directory: string, identity: string): void {
    if (directory === root) return;
    known.set(directory, identity);
    if (known.size <= REMEMBERED) return;
    for (const oldest of known.keys()) {
      known.delete(oldest);
      return;
    }
  }

  async function prune(directory: string): Promise<void> {
    for (const gone of await disk.run('prune', directory, root)) known.delete(gone);
  }
}

function closeAll(opened: OpenDirectories): void {
  for (const directory of opened) if (directory !== undefined) closeSync(directory.file);
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
