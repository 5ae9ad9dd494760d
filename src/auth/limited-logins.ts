// Logins with a password or another secret, limited in their failures and told to the audit log.
import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { atMost } from '../registry/at-most.ts';
import { RegistryError } from '../registry/errors.ts';
import { describeCaller, printable } from './audit.ts';
import type { LoginAttempts } from './login-attempts.ts';
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
  readonly attempts: LoginAttempts;
  readonly audit: Logger;
  /** Hears how each login ended, and not whose it was. */
  readonly onLogin?: ((result: 'succeeded' | 'failed' | 'limited') => void) | undefined;
  /** What secrets are marked with; the same for all that share the attempts. */
  readonly key?: Uint8Array | undefined;
}

/** A client that shows its password with each request logs in once an hour, as far as the log is concerned. */
const TOLD_AGAIN_MS = 3_600_000;
const MOST_TOLD = 10_000;

export function createLimitedLogins(dependencies: LimitedLoginsDependencies): LimitedLogins {
  const { verify, attempts, audit, onLogin, key = randomBytes(32) } = dependencies;
  const told = new LRUCache<string, true>({ ...atMost(MOST_TOLD), ttl: TOLD_AGAIN_MS });

  function markOf(secret: string): string {
    return createHmac('sha256', key).update(secret).digest('base64');
  }

  function tellOnce({ caller }: Proof, address: string): void {
    const key = JSON.stringify([caller.kind, caller.issuer, caller.name, address]);
    if (told.has(key)) return;
    told.set(key, true);
    audit.info({ event: 'login', ...describeCaller(caller), address }, 'logged in');
  }

  return {
    async verify(name, secret, address) {
      const guess = markOf(secret);
      // Jobs log in under a name that says nothing, all of them from one address: each token stands for itself.
      const account = isToken(secret) ? guess : name;
      const postponed = await attempts.begin(account, address, guess);
      if (postponed !== undefined) {
        onLogin?.('limited');
        if (postponed.because === 'failures') {
          audit.warn({ event: 'login limited', name: printable(name), address }, 'login not tried');
        }
        throw new RegistryError('tooManyRequests', { retryAfterSeconds: postponed.seconds });
      }
      let login: Proof | undefined;
      try {
        login = await verify(name, secret);
      } catch (error) {
        await attempts.end(account, address, guess, undefined);
        throw error;
      }
      await attempts.end(account, address, guess, login !== undefined);
      if (login === undefined) {
        onLogin?.('failed');
        audit.warn({ event: 'login failed', name: printable(name), address }, 'login failed');
        return undefined;
      }
      onLogin?.('succeeded');
      tellOnce(login, address);
      return login;
    },
  };
}

/** Whether it has the form of a signed token (RFC 7519), which nobody guesses. */
function isToken(secret: string): boolean {
  return /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(secret);
}
