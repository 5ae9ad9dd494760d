// Brings to the disk what was changed at many places of the store.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isAbsence, isSyncUnsupported } from './errors.ts';
import { isLocal } from './local-types.ts';
import type { Syncs } from './syncs.ts';

/** So many are synced one by one: others, whose files are on the same file system, are left alone. */
const FEW = 64;

export interface StoreSyncDependencies {
  /** The directory that all paths are below. */
  readonly root: string;
  readonly syncs: Syncs;
  /**
   * Brings the whole file system of a directory to the disk. Resolves to whether it did.
   * @default `sync --file-system`, which asks for syncfs(2), where that is known to reach the disk
   */
  readonly syncFileSystem?: (directory: string) => Promise<boolean>;
}

/**
 * Makes durable all that was done at these paths before the call. Many cost little where the system does it for a whole file system; Node
 * has no call for it, the program `sync` has. Elsewhere, and where that fails, each file and directory is synced. Throws system errors.
 */
export async function syncStore(
  { root, syncs, syncFileSystem = syncWhole }: StoreSyncDependencies,
  paths: readonly string[],
): Promise<void> {
  if (paths.length > FEW && (await syncFileSystem(root))) return;
  const synced = new Set([dirname(root)]);
  for (const path of paths) {
    for (let current = path; !synced.has(current); current = dirname(current)) {
      synced.add(current);
      await syncOne(current, syncs);
    }
  }
}

async function syncWhole(directory: string): Promise<boolean> {
  if (!(await isLocal(directory))) return false;
  try {
    const child = spawn('sync', ['-f', directory], { stdio: 'ignore' });
    const [code] = await once(child, 'exit');
    return code === 0;
  } catch {
    return false;
  }
}

/** What is not there has nothing to be synced: that it is gone is a matter of the directory above it. */
async function syncOne(path: string, syncs: Syncs): Promise<void> {
  try {
    await using handle = await open(path, 'r');
    await syncs.all(handle.fd);
  } catch (error) {
    if (!isAbsence(error) && !isSyncUnsupported(error)) throw error;
  }
}
