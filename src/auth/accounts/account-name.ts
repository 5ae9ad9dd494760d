// The names of users, groups and robots, and what a robot logs in as.
import { RegistryError } from '../../registry/errors.ts';

declare const brand: unique symbol;

/** Lower-case letters, digits, `.`, `_`, `-`, at most 63 of them: a segment of a storage key, whatever the store is. */
export type AccountName = string & { readonly [brand]: 'AccountName' };

export const ACCOUNT_NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/**
 * What comes before a robot's name when it logs in. No user's name can have a plus in it, so a robot is never taken for a user;
 * and shells leave it alone, other than a dollar.
 */
const ROBOT_PREFIX = 'robot+';

/** Throws `accountInvalid`. */
export function parseAccountName(text: string): AccountName {
  if (isAccountName(text)) return text;
  throw new RegistryError('accountInvalid', {
    detail:
      'a name has 1 to 63 lower-case letters, digits, dots, underscores and hyphens, a letter or digit first',
  });
}

export function isAccountName(text: string): text is AccountName {
  return ACCOUNT_NAME.test(text);
}

export function robotLogin(name: AccountName): string {
  return `${ROBOT_PREFIX}${name}`;
}

/** The robot that logs in with this name; `undefined` if it is no robot's. */
export function robotOfLogin(login: string): string | undefined {
  return login.startsWith(ROBOT_PREFIX) ? login.slice(ROBOT_PREFIX.length) : undefined;
}
