// Logins with a password or another secret, limited in their failures and told to the audit log.
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { RegistryError } from '../registry/errors.ts';
import { describeCaller, printable } from './audit.ts';
import type { LoginLimit } from './login-limit.ts';
import type { Proof } from './tokens/token-service.ts';

export interface LimitedLogins {
  /**
   * Who knows the secret; `undefined` if nobody does. Throws `tooManyRequests` after too many failures, and what the accounts
   * behind it throw.
   */
  verify(name: string, secret: string, address: string): Promise<Proof | undefined>;
}

export interface LimitedLoginsDependencies {
  readonly verify: (name: string, secret: string) => Promise<Proof | undefined>;
  readonly limit: LoginLimit;
  readonly audit: Logger;
}

/** A client that shows its password with each request logs in once an hour, as far as the log is concerned. */
const TOLD_AGAIN_MS = 3_600_000;
const MOST_TOLD = 10_000;

export function createLimitedLogins({ verify, limit, audit }: LimitedLoginsDependencies): LimitedLogins {
  const told = new LRUCache<string, true>({ max: MOST_TOLD, ttl: TOLD_AGAIN_MS });

  function tellOnce({ caller }: Proof, address: string): void {
    const key = JSON.stringify([caller.kind, caller.issuer, caller.name, address]);
    if (told.has(key)) return;
    told.set(key, true);
    audit.info({ event: 'login', ...describeCaller(caller), address }, 'logged in');
  }

  return {
    async verify(name, secret, address) {
      const wait = limit.check(name, address);
      if (wait !== undefined) {
        audit.warn({ event: 'login limited', name: printable(name), address }, 'login not tried');
        throw new RegistryError('tooManyRequests', { retryAfterSeconds: wait });
      }
      const login = await verify(name, secret);
      if (login === undefined) {
        limit.failed(name, address);
        audit.warn({ event: 'login failed', name: printable(name), address }, 'login failed');
        return undefined;
      }
      limit.succeeded(name, address);
      tellOnce(login, address);
      return login;
    },
  };
}
