// Whether a login may be tried now: not after too many failures, and not beside too many other guesses that are being checked.
import type { LoginLimit } from './login-limit.ts';

/** Why a login is not tried, and for how many seconds. */
export interface Postponed {
  readonly because: 'failures' | 'guesses';
  readonly seconds: number;
}

/** Names are those of accounts; a guess is a mark of what was shown, the same for the same secret. */
export interface LoginAttempts {
  /** Lets a guess be checked, which has then to `end`; or says that it has to wait. */
  begin(name: string, address: string, guess: string): Promise<Postponed | undefined>;
  /** The guess was checked; `undefined` if that failed, which says nothing of the secret. */
  end(name: string, address: string, guess: string, wasRight: boolean | undefined): Promise<void>;
}

/** Different secrets for one account that one address may have checked at the same time; failures count when they are known. */
const MOST_GUESSES_AT_ONCE = 10;
const WAIT_FOR_GUESSES_SECONDS = 1;

export function createLoginAttempts(limit: LoginLimit): LoginAttempts {
  /** By account and address: how many requests show each guess. */
  const guesses = new Map<string, Map<string, number>>();

  return {
    async begin(name, address, guess) {
      const seconds = limit.check(name, address);
      if (seconds !== undefined) return { because: 'failures', seconds };
      const pair = JSON.stringify([name, address]);
      const running = guesses.get(pair) ?? new Map<string, number>();
      // Whoever shows one secret with many requests at once makes one guess.
      if (!running.has(guess) && running.size >= MOST_GUESSES_AT_ONCE) {
        return { because: 'guesses', seconds: WAIT_FOR_GUESSES_SECONDS };
      }
      guesses.set(pair, running.set(guess, (running.get(guess) ?? 0) + 1));
      return undefined;
    },

    async end(name, address, guess, wasRight) {
      const pair = JSON.stringify([name, address]);
      const running = guesses.get(pair);
      const left = (running?.get(guess) ?? 1) - 1;
      if (left > 0) running?.set(guess, left);
      else running?.delete(guess);
      if (running?.size === 0) guesses.delete(pair);
      if (wasRight === true) limit.succeeded(name, address);
      if (wasRight === false) limit.failed(name, address);
    },
  };
}
