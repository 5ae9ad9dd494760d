// Puts directories on disk, many callers at once with one fsync (group commit).
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, isAbsence } from './errors.ts';

/** Filesystems that cannot sync a directory say so; they keep its entries safe in another way, or not at all. */
const NOT_SUPPORTED: ReadonlySet<string | undefined> = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP']);

const OPEN_ATTEMPTS = 20;
const OPEN_PAUSE_MS = 50;

/**
 * Syncs a directory and tells which one it was (a path may mean another directory later); undefined if there is none.
 * What was done in the directory before the call is durable when it resolves.
 */
export type SyncDirectory = (directory: string) => Promise<string | undefined>;

interface Round {
  readonly ended: Promise<unknown>;
  next: Promise<string | undefined> | undefined;
}

/**
 * A call that comes while the directory is being synced may have missed that sync, so it waits for the next one; all calls
 * that wait share it.
 */
export function createDirectorySync(): SyncDirectory {
  const rounds = new Map<string, Round>();

  return async function sync(directory) {
    const round = rounds.get(directory);
    if (round === undefined) return begin(directory);
    round.next ??= round.ended.then(() => begin(directory));
    return round.next;
  };

  function begin(directory: string): Promise<string | undefined> {
    const result = syncOnce(directory);
    const round: Round = { ended: Promise.allSettled([result]), next: undefined };
    rounds.set(directory, round);
    round.ended.then(() => {
      if (round.next === undefined) rounds.delete(directory);
    });
    return result;
  }
}

/** Names a directory for as long as it exists: an inode's number is given out again, but hardly with the same birth. */
export function directoryIdentity(stat: { dev: bigint; ino: bigint; birthtimeNs: bigint }): string {
  return `${stat.dev}:${stat.ino}:${stat.birthtimeNs}`;
}

async function syncOnce(directory: string): Promise<string | undefined> {
  const handle = await openDirectory(directory);
  if (handle === undefined) return undefined;
  try {
    const identity = directoryIdentity(await handle.stat({ bigint: true }));
    await handle.sync().catch((error: unknown) => {
      if (!NOT_SUPPORTED.has(errorCode(error))) throw error;
    });
    return identity;
  } finally {
    await handle.close();
  }
}

/**
 * Waits a second for a free file descriptor: the rename that this sync is for has been done, so that failing here would
 * leave the caller with an object that is seen but was not acknowledged.
 */
async function openDirectory(directory: string): Promise<FileHandle | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await open(directory, 'r');
    } catch (error) {
      if (isAbsence(error)) return undefined;
      const code = errorCode(error);
      if ((code !== 'EMFILE' && code !== 'ENFILE') || attempt === OPEN_ATTEMPTS) throw error;
    }
    await sleep(OPEN_PAUSE_MS);
  }
}
