// There is always somebody who can let others in: the last administrator stays, and the first one comes with the first start.
import { randomBytes } from 'node:crypto';
import { RegistryError } from '../../registry/errors.ts';
import { type AccountName, parseAccountName } from './account-name.ts';
import type { AccountStores } from './account-stores.ts';
import type { PasswordHashes } from './password-hash.ts';
import { newVersion, type UserRecord } from './records.ts';

/** What has to be shown once, and by nobody kept. */
export interface FirstAdministrator {
  readonly name: string;
  readonly password: string;
  /** When the password stops to work, unless it was changed for one of the administrator's own. */
  readonly expires: Date;
}

const FIRST_NAME = 'admin';
/** It may stand in a log for years, so it is of use for a day only. */
const FIRST_PASSWORD_MS = 24 * 60 * 60 * 1000;

/** Whether the user may come in now. */
export function isActive(user: UserRecord, now: Date): boolean {
  return !user.disabled && !(user.passwordExpires !== undefined && new Date(user.passwordExpires) <= now);
}

/** Throws `lastAdministrator` if nobody but this user could administrate the registry. To be called with the lock held. */
export async function refuseLastAdministrator(
  { users }: AccountStores,
  user: UserRecord,
  now: Date,
): Promise<void> {
  if (!user.isAdministrator || !isActive(user, now)) return;
  const others = (await users.readAll()).filter(({ name }) => name !== user.name);
  if (others.some((other) => other.isAdministrator && isActive(other, now))) return;
  throw new RegistryError('lastAdministrator', { detail: `user ${user.name}` });
}

/**
 * Makes the user `admin` with a password of one day if there is no user at all; or gives `admin` another one if that day has
 * passed without anybody setting a password. Resolves to what has to be shown once; `undefined` if there was nothing to do.
 */
export async function ensureFirstAdministrator(
  stores: AccountStores,
  passwords: PasswordHashes,
  now: () => Date,
): Promise<FirstAdministrator | undefined> {
  const name = parseAccountName(FIRST_NAME);
  // Looked at without the lock first: nearly every start has nothing to do.
  if ((await stateOf(stores, name, now())) === 'settled') return undefined;
  const password = randomBytes(18).toString('base64url');
  const hash = await passwords.make(password, name);
  return stores.exclusively(async (confirm) => {
    const state = await stateOf(stores, name, now());
    // Another replica was first, and has shown its password.
    if (state === 'settled') return undefined;
    const expires = new Date(now().getTime() + FIRST_PASSWORD_MS);
    await confirm();
    await stores.users.write({
      version: 1,
      name,
      created: state === 'empty' ? now().toISOString() : state.created,
      groups: state === 'empty' ? [] : state.groups,
      disabled: false,
      isAdministrator: true,
      password: hash,
      passwordExpires: expires.toISOString(),
      secretVersion: newVersion(),
    });
    return { name, password, expires };
  });
}

/** The user whose first password was never changed in time, where nobody else can administrate. */
async function stateOf(
  { users }: AccountStores,
  name: AccountName,
  now: Date,
): Promise<'empty' | 'settled' | UserRecord> {
  if ((await users.names(1)).length === 0) return 'empty';
  const first = await users.read(name);
  const isUnused = first?.isAdministrator && !first.disabled && !isActive(first, now);
  if (first === undefined || !isUnused) return 'settled';
  const isAnybody = (await users.readAll()).some((user) => user.isAdministrator && isActive(user, now));
  return isAnybody ? 'settled' : first;
}
