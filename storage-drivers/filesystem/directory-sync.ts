// Puts directories on disk, many callers at once with one fsync (group commit).
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DiskThread } from './disk-thread.ts';
import { errorCode, isAbsence } from './errors.ts';
import type { Syncs } from './syncs.ts';

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
  readonly result: Promise<string | undefined>;
  /** What comes from now on may be missed by it. */
  hasBegun: boolean;
  next: Promise<string | undefined> | undefined;
}

/**
 * A call that comes while the directory is being synced may have missed that sync, so it waits for the next one; all calls
 * that wait share it.
 */
export function createDirectorySync(disk: DiskThread, syncs: Syncs): SyncDirectory {
  const rounds = new Map<string, Round>();

  return async function sync(directory) {
    const round = rounds.get(directory);
    if (round === undefined) return begin(directory);
    if (!round.hasBegun) return round.result;
    round.next ??= round.result.then(
      () => begin(directory),
      () => begin(directory),
    );
    return round.next;
  };

  function begin(directory: string): Promise<string | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
    const round: Round = { result: promise, hasBegun: false, next: undefined };
    rounds.set(directory, round);
    syncOnce(directory, round)
      .finally(() => {
        if (round.next === undefined) rounds.delete(directory);
      })
      .then(resolve, reject);
    return promise;
  }

  async function syncOnce(directory: string, round: Round): Promise<string | undefined> {
    const opened = await openDirectory(directory);
    if (opened === undefined) return undefined;
    try {
      round.hasBegun = true;
      await syncs.all(opened.file).catch((error: unknown) => {
        if (!NOT_SUPPORTED.has(errorCode(error))) throw error;
      });
      return opened.identity;
    } finally {
      closeSync(opened.file);
    }
  }

  /**
   * Waits a second for a free file descriptor: the rename that this sync is for has been done, so that failing here would
   * leave the caller with an object that is seen but was not acknowledged.
   */
  async function openDirectory(directory: string) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await disk.run('openDirectory', directory);
      } catch (error) {
        if (isAbsence(error)) return undefined;
        const code = errorCode(error);
        if ((code !== 'EMFILE' && code !== 'ENFILE') || attempt === OPEN_ATTEMPTS) throw error;
      }
      await sleep(OPEN_PAUSE_MS);
    }
  }
}
