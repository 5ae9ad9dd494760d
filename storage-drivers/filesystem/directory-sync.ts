// Puts directories on disk, many callers at once with one fsync (group commit).
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DiskThread, OpenDirectory } from './disk-thread.ts';
import { errorCode, isAbsence, isSyncUnsupported } from './errors.ts';
import type { Syncs } from './syncs.ts';

const OPEN_ATTEMPTS = 20;
const OPEN_PAUSE_MS = 50;

/** Directories that are open to be synced, in the order of their paths; nothing for one that was not there. */
export type OpenDirectories = readonly (OpenDirectory | undefined)[];

export interface DirectorySync {
  /**
   * Opens directories that will be synced. Waits a second for a free file descriptor: the rename that this is for has been done,
   * so that failing here would leave the caller with an object that is seen but was not acknowledged.
   */
  open(directories: readonly string[]): Promise<OpenDirectories>;
  /**
   * Syncs a directory, or the one that was opened under its name before, which is closed then. What was done in it before the call
   * is durable when it resolves. Tells which one it was (a path may mean another directory later); undefined if there is none.
   */
  sync(directory: string, opened?: OpenDirectory): Promise<string | undefined>;
}

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
export function createDirectorySync(disk: DiskThread, syncs: Syncs): DirectorySync {
  const rounds = new Map<string, Round>();

  return {
    open,

    async sync(directory, opened) {
      const round = rounds.get(directory);
      if (round === undefined) return begin(directory, opened);
      if (opened !== undefined) closeSync(opened.file);
      if (!round.hasBegun) return round.result;
      round.next ??= round.result.then(
        () => begin(directory),
        () => begin(directory),
      );
      return round.next;
    },
  };

  function begin(directory: string, opened?: OpenDirectory): Promise<string | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
    const round: Round = { result: promise, hasBegun: false, next: undefined };
    rounds.set(directory, round);
    syncOnce(directory, round, opened)
      .finally(() => {
        if (round.next === undefined) rounds.delete(directory);
      })
      .then(resolve, reject);
    return promise;
  }

  async function syncOnce(
    directory: string,
    round: Round,
    given: OpenDirectory | undefined,
  ): Promise<string | undefined> {
    const opened = given ?? (await open([directory])).at(0);
    if (opened === undefined) return undefined;
    try {
      round.hasBegun = true;
      await syncs.all(opened.file).catch((error: unknown) => {
        if (!isSyncUnsupported(error)) throw error;
      });
      return opened.identity;
    } finally {
      closeSync(opened.file);
    }
  }

  async function open(directories: readonly string[]): Promise<OpenDirectories> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await disk.run('openDirectories', directories);
      } catch (error) {
        // One that vanished while it was opened is not there the next time.
        const code = errorCode(error);
        const isPassing = code === 'EMFILE' || code === 'ENFILE' || isAbsence(error);
        if (!isPassing || attempt === OPEN_ATTEMPTS) throw error;
      }
      await sleep(OPEN_PAUSE_MS);
    }
  }
}
