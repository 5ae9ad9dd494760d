// Directories come and go with the objects in them. This file makes them, puts them on disk, and takes the empty ones away.
//
// An entry is durable when its directory was synced after it was made, and so on for the directory's own entry up to the
// root. Which directories have come that far is remembered, with their identity: a directory that anybody removed and made
// again is another one, and its chain is synced anew. A directory cannot stay the same while one above it is replaced, so
// to know the lowest one again is enough.
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { allEnded } from './all-ended.ts';
import type { SyncDirectory } from './directory-sync.ts';
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
   * Makes durable what was done in the directory before the call. Where the directory is gone by now, that its
   * contents are gone is made durable instead.
   */
  settle(directory: string): Promise<void>;
  /** Removes the directory if it is empty, then the one above it, and so on; never the root. */
  prune(directory: string): Promise<void>;
}

interface Identified {
  readonly directory: string;
  /** Absent if there was no such directory. */
  readonly identity: string | undefined;
}

export interface DurableDirectoriesDependencies {
  /** The directory above all others, which is there and durable. */
  readonly root: string;
  readonly disk: DiskThread;
  readonly syncs: Syncs;
  readonly sync: SyncDirectory;
}

export function createDurableDirectories(dependencies: DurableDirectoriesDependencies): DurableDirectories {
  const { root, disk, syncs, sync } = dependencies;
  const known = new Map<string, string>();
  /** Chains of which nothing is being synced yet: who comes now is still in time. */
  const asked = new Map<string, Promise<void>>();

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
    if (!syncs.wanted) return;
    const remembered = known.get(directory);
    if (remembered !== undefined) {
      if ((await sync(directory)) === remembered) return;
      known.delete(directory);
    }
    const settling = asked.get(directory) ?? settleChain(directory);
    await settling;
  }

  function settleChain(directory: string): Promise<void> {
    const identified = identify(chainOf(directory)).finally(() => asked.delete(directory));
    const settling = identified.then(syncChain);
    asked.set(directory, settling);
    return settling;
  }

  /** The directory and those above it, up to one that is remembered or the root. */
  function chainOf(directory: string): string[] {
    const chain = [directory];
    for (let above = directory; above !== root && !known.has(above); chain.push(above))
      above = dirname(above);
    return chain;
  }

  /**
   * Syncs all of a chain at the same time. Each one's identity was asked for before any of them is synced: what is remembered was
   * there by then.
   */
  async function syncChain(before: readonly Identified[]): Promise<void> {
    const synced = new Map<string, string | undefined>();
    await allEnded(...before.map(async ({ directory }) => void synced.set(directory, await sync(directory))));
    const { directory: top = root } = before.at(-1) ?? {};
    if (top !== root && known.get(top) !== synced.get(top)) {
      // It is another one than the one that is remembered.
      known.delete(top);
      await settle(dirname(top));
    }
    for (const { directory, identity } of before) {
      if (identity !== undefined && identity === synced.get(directory)) remember(directory, identity);
    }
  }

  async function identify(chain: readonly string[]): Promise<readonly Identified[]> {
    const identities = await disk.run('identify', chain);
    return chain.map((directory, index) => ({ directory, identity: identities[index] }));
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

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    // A directory on the way was removed in the meantime (which Node calls ENOTDIR when it had just found it there): the next
    // attempt makes it again. Where a file really is in the way, that attempt says so.
    if (!isAbsence(error)) throw error;
  }
}
