// How often logins may be tried, by the settings of `auth.failedlogins`.
import type { Configuration } from '../config/schema.ts';
import { createLoginAttempts, type LoginAttempts } from './auth/login-attempts.ts';
import { createLoginLimit } from './auth/login-limit.ts';

/** Seconds after which a failed login is forgiven. */
const FORGIVEN_PER_ADDRESS = 1;
const FORGIVEN_PER_ACCOUNT = 20;

export function openAttempts({
  failedlogins: { peraddress, peraccount },
}: Pick<Configuration['auth'], 'failedlogins'>): LoginAttempts {
  const limit = createLoginLimit({
    perAddress: { atOnce: peraddress, forgivenAfter: FORGIVEN_PER_ADDRESS },
    perNameAndAddress: { atOnce: peraccount, forgivenAfter: FORGIVEN_PER_ACCOUNT },
  });
  return createLoginAttempts(limit);
}
