// Accounts over a store in memory, with cheap hashes and a clock that stands still until it is moved.
import {
  type Accounts,
  type AccountsDependencies,
  createAccounts,
} from '../../../src/auth/accounts/accounts.ts';
import { createLocks, type Locks } from '../../../src/registry/locks.ts';
import { createCheckedDriver } from '../../../storage-drivers/checked.ts';
import type { StorageDriver } from '../../../storage-drivers/driver.ts';
import { createMemoryDriver } from '../../../storage-drivers/memory/memory-driver.ts';
import { objectsBelow } from '../../support/test-store.ts';

export interface AccountsWorld {
  readonly accounts: Accounts;
  /** Those of another replica on the same store. */
  readonly others: Accounts;
  readonly driver: StorageDriver;
  readonly locks: Locks;
  passTime(milliseconds: number): void;
  /** Every byte that is kept, as text. */
  everythingKept(): Promise<string>;
}

export const CHEAP = { N: 16, r: 1, p: 1 };
export const PASSWORD = 'correct horse';
export const HOUR_MS = 60 * 60 * 1000;

export function openAccountsWorld(options: Partial<AccountsDependencies> = {}): AccountsWorld {
  const driver = createCheckedDriver(options.driver ?? createMemoryDriver());
  const locks = createLocks();
  let time = Date.UTC(2026, 10, 20, 12);
  const shared = { passwordCost: CHEAP, ...options, driver, locks, now: () => new Date(time) };
  return {
    accounts: createAccounts(shared),
    others: createAccounts(shared),
    driver,
    locks,
    passTime(milliseconds) {
      time += milliseconds;
    },
    async everythingKept() {
      const keys = await objectsBelow(driver, 'docker');
      const contents = await Promise.all(keys.map((key) => driver.read(key)));
      return [...keys, ...contents.map((content) => Buffer.from(content).toString())].join('\n');
    },
  };
}

/** The reason for which the registry refuses something, for assert.rejects. */
export function refusal(reason: string): { readonly name: string; readonly reason: string } {
  return { name: 'RegistryError', reason };
}
