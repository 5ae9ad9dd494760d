// Syncs a file while more bytes are still coming in for it.
import type { FileHandle } from 'node:fs/promises';
import type { Syncs } from './syncs.ts';

/** Bytes after which the disk is set to work while more come in, instead of all at the end. */
const SYNC_AFTER = 16 * 1024 * 1024;

export interface BackgroundSyncs {
  /** Told how many bytes have been written so far. */
  wrote(total: number): void;
  /** Resolves when none is under way; throws what one of them threw. */
  end(): Promise<void>;
}

/** At most one sync at a time: another one would wait for the first. */
export function createBackgroundSyncs(handle: FileHandle, syncs: Syncs): BackgroundSyncs {
  let synced = 0;
  let running: Promise<void> | undefined;
  let failure: unknown;
  return {
    wrote(total) {
      if (!syncs.wanted || running !== undefined || total - synced < SYNC_AFTER) return;
      synced = total;
      running = syncs
        .data(handle.fd)
        .catch((error: unknown) => {
          failure ??= error;
        })
        .finally(() => {
          running = undefined;
        });
    },
    async end() {
      await running;
      if (failure !== undefined) throw failure;
    },
  };
}
