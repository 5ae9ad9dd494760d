// The accounts of a configuration without a server, for commands that work right on the storage.
import type { Configuration } from '../config/schema.ts';
import { createCheckedDriver } from '../storage-drivers/checked.ts';
import type { StorageDriver } from '../storage-drivers/driver.ts';
import { type Accounts, createAccounts } from './auth/accounts/accounts.ts';
import type { StoredSigningKeys } from './auth/tokens/signing-keys.ts';
import { openKeptKeys } from './compose-keys.ts';
import { openSharedDriver } from './compose-storage.ts';
import { createLocks, type Locks } from './registry/locks.ts';

export interface OpenAccounts {
  readonly accounts: Accounts;
  /** The keys that tokens are signed with. Throws NoKeptKeysError, SigningKeyError, and what the storage throws. */
  keys(): Promise<StoredSigningKeys>;
  close(): Promise<void>;
}

/**
 * Opens the storage of the configuration. A server may be at work on it: with Redis they exclude one another; without, two
 * changes of one account within the same milliseconds may lose one of them.
 * Throws NoSharedStorageError, RedisRefusedError, and what the storage throws.
 */
export async function openAccounts(configuration: Configuration): Promise<OpenAccounts> {
  const driver = createCheckedDriver(await openSharedDriver(configuration.storage.driver));
  const { locks, close } = await openLocks(driver, configuration);
  const readOnly = configuration.storage.maintenance.readonly.enabled;
  return {
    accounts: createAccounts({ driver, locks, readOnly }),
    keys: async () => openKeptKeys(configuration.auth, driver),
    close,
  };
}

async function openLocks(
  driver: StorageDriver,
  { redis, storage }: Configuration,
): Promise<{ readonly locks: Locks; close(): Promise<void> }> {
  if (redis === undefined) return { locks: createLocks(), close: async () => undefined };
  const { createRedisCoordination } = await import('./sessions/redis-coordination.ts');
  const { pino } = await import('pino');
  // A command says itself what went wrong.
  const log = pino({ level: 'silent' });
  return createRedisCoordination(driver, redis, storage.maintenance.uploadpurging.age, log);
}
