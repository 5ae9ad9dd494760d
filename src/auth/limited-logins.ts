// Logins with a password or another secret, limited in their failures and told to the audit log.
import { createHmac, randomBytes } from 'node:crypto';
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
  /** Hears how each login ended, and not whose it was. */
  readonly onLogin?: ((result: 'succeeded' | 'failed' | 'limited') => void) | undefined;
}

/** A client that shows its password with each request logs in once an hour, as far as the log is concerned. */
const TOLD_AGAIN_MS = 3_600_000;
const MOST_TOLD = 10_000;

/** Different secrets for one account that one address may have checked at the same time; failures count when they are known. */
const MOST_GUESSES_AT_ONCE = 10;
const WAIT_FOR_GUESSES_SECONDS = 1;

export function createLimitedLogins(dependencies: LimitedLoginsDependencies): LimitedLogins {
  const { verify, limit, audit, onLogin } = dependencies;
  const key = randomBytes(32);
  const guesses = new Map<string, Map<string, number>>();

  /** Whoever shows one secret with many requests at once makes one guess. Throws `tooManyRequests` before there are too many. */
  async function guessing<T>(
    name: string,
    secret: string,
    address: string,
    work: () => Promise<T>,
  ): Promise<T> {
    const pair = JSON.stringify([name, address]);
    const guess = markOf(secret);
    const running = guesses.get(pair) ?? new Map<string, number>();
    if (!running.has(guess) && running.size >= MOST_GUESSES_AT_ONCE) {
      onLogin?.('limited');
      throw new RegistryError('tooManyRequests', { retryAfterSeconds: WAIT_FOR_GUESSES_SECONDS });
    }
    guesses.set(pair, running.set(guess, (running.get(guess) ?? 0) + 1));
    try {
      return await work();
    } finally {
      const left = (running.get(guess) ?? 1) - 1;
      if (left > 0) running.set(guess, left);
      else running.delete(guess);
      if (running.size === 0) guesses.delete(pair);
    }
  }

  const told = new LRUCache<string, true>({ max: MOST_TOLD, ttl: TOLD_AGAIN_MS });

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
      // Jobs log in under a name that says nothing, all of them from one address: each token stands for itself.
      const account = isToken(secret) ? markOf(secret) : name;
      const wait = limit.check(account, address);
      if (wait !== undefined) {
        onLogin?.('limited');
        audit.warn({ event: 'login limited', name: printable(name), address }, 'login not tried');
        throw new RegistryError('tooManyRequests', { retryAfterSeconds: wait });
      }
      const login = await guessing(account, secret, address, () => verify(name, secret));
      if (login === undefined) {
        onLogin?.('failed');
        limit.failed(account, address);
        audit.warn({ event: 'login failed', name: printable(name), address }, 'login failed');
        return undefined;
      }
      onLogin?.('succeeded');
      limit.succeeded(account, address);
      tellOnce(login, address);
      return login;
    },
  };
}

/** Whether it has the form of a signed token (RFC 7519), which nobody guesses. */
function isToken(secret: string): boolean {
  return /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(secret);
}
