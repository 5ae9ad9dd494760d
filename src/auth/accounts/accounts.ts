// The accounts that the registry keeps itself: users, groups and robots. Storage is the truth, so replicas that share a store
// and its locks share them.
import type { StorageDriver } from '../../../storage-drivers/driver.ts';
import type { Locks } from '../../registry/locks.ts';
import { createAccountStores } from './account-stores.ts';
import { ensureFirstAdministrator, type FirstAdministrator } from './administrators.ts';
import { createGroups, type Groups } from './groups.ts';
import { createLogins, type Logins } from './logins.ts';
import { createPasswordHashes, PASSWORD_COST, type PasswordCost } from './password-hash.ts';
import { createQueue } from './queue.ts';
import { createRememberedLogins } from './remembered-logins.ts';
import { createRobots, type Robots } from './robots.ts';
import { createUsers, type Users } from './users.ts';

export interface Accounts extends Logins {
  readonly users: Users;
  readonly groups: Groups;
  readonly robots: Omit<Robots, 'noteUse'>;
  /**
   * To be called once at each start. Makes the user `admin` if there is no user, with a password for one day: there is no
   * default password. Resolves to what has to be shown once, or `undefined` if somebody can administrate already.
   */
  ensureAdministrator(): Promise<FirstAdministrator | undefined>;
}

export interface AccountsDependencies {
  /** One that checks its keys. */
  readonly driver: StorageDriver;
  readonly locks: Locks;
  /**
   * Logins write nothing to the store, not even when a robot was last used.
   * @default false
   */
  readonly readOnly?: boolean;
  /** @default PASSWORD_COST */
  readonly passwordCost?: PasswordCost;
  readonly now?: () => Date;
}

/** Each hash takes a processor for a sixth of a second or so, and 32 MiB. */
const HASHES_AT_ONCE = 2;
const HASHES_WAITING = 64;

export function createAccounts(dependencies: AccountsDependencies): Accounts {
  const { driver, locks, readOnly = false, passwordCost = PASSWORD_COST } = dependencies;
  const { now = () => new Date() } = dependencies;
  const stores = createAccountStores(driver, locks);
  const queue = createQueue({ atOnce: HASHES_AT_ONCE, waiting: HASHES_WAITING });
  const passwords = createPasswordHashes(queue, passwordCost);
  const users = createUsers(stores, passwords, now);
  const groups = createGroups(stores, now);
  const robots = createRobots(stores, now, !readOnly);
  const remembered = createRememberedLogins(now);
  const { verify, describe } = createLogins({ stores, passwords, remembered, robots, now });
  return {
    users,
    groups,
    robots,
    verify,
    describe,
    ensureAdministrator: () => ensureFirstAdministrator(stores, passwords, now),
  };
}
