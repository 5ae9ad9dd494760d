// How the requests to one store keep out of each other's way: locks, and who writes which upload.
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { createLocks, type Locks } from '../registry/locks.ts';
import type { UploadSessions } from '../registry/sessions.ts';
import { createSessionJournal } from './journal.ts';
import { moveOutQuiet } from './quiet-uploads.ts';
import { createStorageSessions } from './storage.ts';

export interface Coordination {
  readonly locks: Locks;
  readonly sessions: UploadSessions;
  close(): Promise<void>;
}

/** Redis is there, and does not let this server in. */
export class RedisRefusedError extends Error {
  override readonly name = 'RedisRefusedError';
}

/**
 * Within this process, which has to be the only one. Replicas coordinate over Redis: redis-coordination.ts. `journaled`: few bytes
 * of an upload may be kept in a journal; what an earlier process left in its own has been recovered (journal-recovery.ts).
 */
export function createLocalCoordination(driver: StorageDriver, { journaled = false } = {}): Coordination {
  const locks = createLocks();
  const journal = journaled && driver.stagesInPlace ? createSessionJournal(driver) : undefined;
  const sessions = createStorageSessions(driver, journal);
  const quiet = journal && moveOutQuiet(journal, (id) => locks.exclusive(id, () => sessions.handOver(id)));
  return {
    locks,
    sessions,
    async close() {
      quiet?.stop();
      await sessions.close();
    },
  };
}
