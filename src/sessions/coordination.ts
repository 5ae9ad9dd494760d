// How the requests to one store keep out of each other's way: locks, and who writes which upload.
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { createLocks, type Locks } from '../registry/locks.ts';
import type { UploadSessions } from '../registry/sessions.ts';
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

/** Within this process, which has to be the only one. Replicas coordinate over Redis: redis-coordination.ts. */
export function createLocalCoordination(driver: StorageDriver): Coordination {
  const sessions = createStorageSessions(driver);
  return { locks: createLocks(), sessions, close: () => sessions.close() };
}
