// Users: people who log in with a name and a password.
import { RegistryError } from '../../registry/errors.ts';
import { parseAccountName } from './account-name.ts';
import { type AccountPage, type AccountStores, readKnown, readPage, refuseTaken } from './account-stores.ts';
import { refuseLastAdministrator } from './administrators.ts';
import type { PasswordHashes } from './password-hash.ts';
import { newVersion, type UserRecord } from './records.ts';

/** What may be known of a user. Times are ISO 8601, in UTC. */
export interface User {
  readonly name: string;
  readonly created: string;
  readonly disabled: boolean;
  readonly isAdministrator: boolean;
  readonly groups: readonly string[];
  /** When a password ends that the registry made up, and that was not changed yet. */
  readonly passwordExpires?: string;
}

export interface NewUser {
  readonly name: string;
  readonly password: string;
  readonly isAdministrator?: boolean | undefined;
  readonly groups?: readonly string[] | undefined;
}

export interface UserChanges {
  readonly disabled?: boolean | undefined;
  readonly isAdministrator?: boolean | undefined;
  readonly groups?: readonly string[] | undefined;
}

/**
 * All of them throw RegistryError: `accountUnknown`, `accountExists`, `accountInvalid`, `lastAdministrator`, and where a
 * password is hashed `tooManyRequests`.
 */
export interface Users {
  page(limit: number, after?: string): Promise<AccountPage<User>>;
  get(name: string): Promise<User>;
  add(user: NewUser): Promise<User>;
  /** Disabling a user also ends the user's refresh tokens. */
  change(name: string, changes: UserChanges): Promise<User>;
  /** Ends the user's refresh tokens too. */
  setPassword(name: string, password: string): Promise<void>;
  /** As `setPassword`, for whoever knows the current one. Throws `passwordWrong`. */
  changePassword(name: string, current: string, password: string): Promise<void>;
  /** Ends every refresh token of the user. */
  endSessions(name: string): Promise<void>;
  remove(name: string): Promise<void>;
}

export function createUsers(stores: AccountStores, passwords: PasswordHashes, now: () => Date): Users {
  /** Replaces the record with what `change` makes of it. */
  async function update(
    name: string,
    change: (user: UserRecord) => Promise<UserRecord> | UserRecord,
  ): Promise<User> {
    return stores.exclusively(async (confirm) => {
      const changed = await change(await readKnown('user', stores.users, name));
      await confirm();
      await stores.users.write(changed);
      return shown(changed);
    });
  }

  return {
    async page(limit, after) {
      const { entries, more } = await readPage(stores.users, limit, after);
      return { entries: entries.map(shown), more };
    },

    get: async (name) => shown(await readKnown('user', stores.users, name)),

    async add({ name: text, password, isAdministrator = false, groups = [] }) {
      const name = parseAccountName(text);
      const hash = await passwords.make(password, name);
      return stores.exclusively(async (confirm) => {
        await refuseTaken('user', stores.users, name);
        const user: UserRecord = {
          version: 1,
          name,
          created: now().toISOString(),
          disabled: false,
          isAdministrator,
          groups: await knownGroups(stores, groups),
          password: hash,
          secretVersion: newVersion(),
        };
        await confirm();
        await stores.users.write(user);
        return shown(user);
      });
    },

    change: (name, changes) =>
      update(name, async (user) => {
        const { disabled = user.disabled, isAdministrator = user.isAdministrator, groups } = changes;
        if (disabled || !isAdministrator) await refuseLastAdministrator(stores, user, now());
        const isEnding = disabled && !user.disabled;
        return {
          ...user,
          disabled,
          isAdministrator,
          ...(groups !== undefined && { groups: await knownGroups(stores, groups) }),
          ...(isEnding && { secretVersion: newVersion() }),
        };
      }),

    async setPassword(name, password) {
      const { name: known } = await readKnown('user', stores.users, name);
      const hash = await passwords.make(password, known);
      await update(name, (user) => withPassword(user, hash));
    },

    async changePassword(name, current, password) {
      const before = await readKnown('user', stores.users, name);
      if (!(await passwords.matches(current, before.password))) throw new RegistryError('passwordWrong');
      const hash = await passwords.make(password, before.name);
      await update(name, (user) => {
        // Somebody else was faster, and the password is another one by now.
        if (user.secretVersion !== before.secretVersion) throw new RegistryError('passwordWrong');
        return withPassword(user, hash);
      });
    },

    async endSessions(name) {
      await update(name, (user) => ({ ...user, secretVersion: newVersion() }));
    },

    remove: (name) =>
      stores.exclusively(async (confirm) => {
        const user = await readKnown('user', stores.users, name);
        await refuseLastAdministrator(stores, user, now());
        await confirm();
        await stores.users.remove(user.name);
      }),
  };
}

function withPassword(user: UserRecord, password: UserRecord['password']): UserRecord {
  const { passwordExpires: _, ...kept } = user;
  return { ...kept, password, secretVersion: newVersion() };
}

/** Sorted, each once. Throws `accountUnknown`. */
async function knownGroups({ groups }: AccountStores, names: readonly string[]) {
  const known = new Set<UserRecord['name']>();
  for (const name of [...names].sort()) known.add((await readKnown('group', groups, name)).name);
  return [...known];
}

/** Field by field: what is added to the record later is not shown by accident. */
function shown({ name, created, disabled, isAdministrator, groups, passwordExpires }: UserRecord): User {
  return {
    name,
    created,
    disabled,
    isAdministrator,
    groups,
    ...(passwordExpires !== undefined && { passwordExpires }),
  };
}
