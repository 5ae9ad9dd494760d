// What a server does once for its store, however many processes answer its requests.
import type { Logger } from 'pino';
import type { Configuration } from '../config/schema.ts';
import type { StorageDriver } from '../storage-drivers/driver.ts';
import { type Observation, redisListeners } from './compose-observe.ts';
import {
  announcePresence,
  type Presence,
  type PresenceSettings,
  waitForEndingWorkers,
} from './maintenance/presence.ts';
import type { PurgeDependencies } from './maintenance/purge-uploads.ts';
import { type Schedule, schedulePurge } from './maintenance/schedule.ts';
import type { Locks } from './registry/locks.ts';
import type { Coordination } from './sessions/coordination.ts';
import { type Recovery, recoverJournals } from './sessions/journal-recovery.ts';

const SIGN_OF_LIFE_MS = 5_000;

/** What keeps requests out of each other's way over Redis, if there is one. Throws RedisRefusedError. */
export async function overRedis(
  driver: StorageDriver,
  { redis, storage }: Configuration,
  log: Logger,
  observation: Observation,
): Promise<Coordination | undefined> {
  if (redis === undefined) return undefined;
  // Only who uses it pays for loading the client.
  const { createRedisCoordination } = await import('./sessions/redis-coordination.ts');
  const uploadTtlMs = storage.maintenance.uploadpurging.age;
  return createRedisCoordination(driver, redis, uploadTtlMs, log, redisListeners(observation));
}

/** A server that works alone has to be the only one that writes to its store. Throws StoreInUseError if it is not. */
export async function showPresence(
  driver: StorageDriver,
  { redis, storage }: Configuration,
  log: Logger,
  workers?: PresenceSettings['workers'],
): Promise<Presence | undefined> {
  const sharesNothing = storage.driver.name === 'inmemory' || storage.maintenance.readonly.enabled;
  if (redis !== undefined || sharesNothing) return undefined;
  return announcePresence(driver, log, { intervalMs: SIGN_OF_LIFE_MS, ...(workers && { workers }) });
}

/**
 * Brings to its place what the server before was answered for when it was killed, or the machine went down, and what it kept of uploads:
 * when it is sure that it is gone, and before anybody is answered. Throws what the store throws; of uploads alone, a full disk does not
 * keep this server from starting.
 */
export async function recoverStore(
  driver: StorageDriver,
  locks: Locks,
  { storage }: Configuration,
  log: Logger,
): Promise<void> {
  if (storage.maintenance.readonly.enabled) return;
  // Several servers leave nothing to be recovered; what one left that was alone, the first of them recovers.
  const objects = await driver.recover?.((work) => locks.exclusive('recovery', work));
  if (objects !== undefined && objects > 0) log.info({ objects }, 'brought back what a power cut had taken');
  tellOfRecovery('a server that was killed', await recoverJournals(driver), log);
}

/** The same for a worker that has died; `owner` names its journal, of which there is none where nothing is written. Never throws. */
export async function recoverWorker(driver: StorageDriver, log: Logger, owner: string): Promise<void> {
  const recovery = recoverJournals(driver, owner).catch((failure: unknown) => ({ uploads: 0, failure }));
  tellOfRecovery('a worker that has died', await recovery, log);
}

function tellOfRecovery(whose: string, { uploads, failure }: Recovery, log: Logger): void {
  if (uploads > 0) log.info({ uploads }, `small uploads of ${whose} can go on`);
  if (failure === undefined) return;
  log.error(
    { err: failure },
    `small uploads of ${whose} could not be written down: the next start tries again`,
  );
}

/** Before processes are started that clear up behind those of a server that was killed. Throws what the store throws. */
export async function waitForPredecessors(driver: StorageDriver, { redis }: Configuration): Promise<void> {
  if (redis === undefined) await waitForEndingWorkers(driver, SIGN_OF_LIFE_MS);
}

export function startPurging(
  dependencies: PurgeDependencies,
  { uploadpurging, readonly }: Configuration['storage']['maintenance'],
): Schedule | undefined {
  if (!uploadpurging.enabled || readonly.enabled) return undefined;
  const { age, interval, dryrun } = uploadpurging;
  return schedulePurge(dependencies, { ageMs: age, intervalMs: interval, dryRun: dryrun });
}

/** How clients log in, for people. */
export function describeAuth({
  scheme,
  policy,
}: Configuration['auth']): Configuration['auth']['scheme']['name'] | 'rules' {
  return scheme.name === 'none' && policy !== undefined ? 'rules' : scheme.name;
}
