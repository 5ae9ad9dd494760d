// The keys of an issuer, remembered: asked for seldom, again when one is missing, and kept for a while when the issuer cannot
// be reached. Nobody can make us ask more often than this file says.
import type { Logger } from 'pino';
import { RegistryError } from '../../registry/errors.ts';
import { findIn, type KeySet, type ListedKey } from '../tokens/jwks.ts';

export interface RememberedKeys {
  /**
   * The key that a token's header means, if the issuer has it. Throws `unavailable` when that cannot be said, since the issuer
   * did not answer.
   */
  find(kid: string | undefined): Promise<ListedKey | undefined>;
}

export interface LoadedKeys {
  readonly keys: KeySet;
  /** Seconds that the issuer allows; `undefined` if it does not say. */
  readonly maxAge: number | undefined;
}

export interface RememberedKeysDependencies {
  /** Asks the issuer. Throws if it cannot be reached or says nothing usable. */
  readonly load: () => Promise<LoadedKeys>;
  readonly log: Logger;
  readonly now: () => Date;
}

/** Seconds. A key that the issuer withdraws is believed for `max` at most while the issuer can be reached. */
const FRESH = { min: 60, max: 600, unsaid: 300 };
/** Seconds between two questions of which nothing but an unknown key is the cause. */
const ASK_FOR_UNKNOWN_EVERY = 30;
/** Seconds after a failure in which it is not tried again, even if there is no other key than old ones. */
const REST_AFTER_FAILURE = 10;
/** Seconds after the last answer in which keys are believed though the issuer is silent. */
const KEEP_THROUGH_OUTAGE = 4 * 3600;

interface Answer extends LoadedKeys {
  readonly at: number;
}

export function createRememberedKeys({ load, log, now }: RememberedKeysDependencies): RememberedKeys {
  let answer: Answer | undefined;
  let failure: { readonly at: number; readonly cause: unknown } | undefined;
  let flight: Promise<void> | undefined;

  return {
    async find(kid) {
      const known = lookUp(kid);
      if (known !== undefined && isYounger(answer, freshness(answer))) return known;
      const isKept = known !== undefined && isYounger(answer, KEEP_THROUGH_OUTAGE);
      if (isDue(known)) {
        flight ??= ask().finally(() => {
          flight = undefined;
        });
      }
      // In an outage every question may hang for seconds: those whose key is known do not wait for it.
      if (isKept && failure !== undefined) return known;
      await flight;
      if (failure === undefined) return lookUp(kid);
      if (isKept) return known;
      throw new RegistryError('unavailable', { cause: failure.cause });
    },
  };

  function lookUp(kid: string | undefined): ListedKey | undefined {
    return answer && findIn(answer.keys, kid);
  }

  function isDue(known: ListedKey | undefined): boolean {
    const isFresh = isYounger(answer, freshness(answer));
    if (isYounger(failure, isFresh ? ASK_FOR_UNKNOWN_EVERY : REST_AFTER_FAILURE)) return false;
    return !isFresh || (known === undefined && !isYounger(answer, ASK_FOR_UNKNOWN_EVERY));
  }

  async function ask(): Promise<void> {
    try {
      const loaded = await load();
      answer = { ...loaded, at: seconds() };
      failure = undefined;
    } catch (error) {
      if (failure === undefined) log.warn({ err: error }, 'the keys of an outside issuer cannot be read');
      failure = { at: seconds(), cause: error };
    }
  }

  /** A clock that went back makes everything old. */
  function isYounger(event: { readonly at: number } | undefined, limit: number): boolean {
    if (event === undefined) return false;
    const age = seconds() - event.at;
    return age >= 0 && age < limit;
  }

  function seconds(): number {
    return now().getTime() / 1000;
  }
}

function freshness(answer: Answer | undefined): number {
  return Math.min(Math.max(answer?.maxAge ?? FRESH.unsaid, FRESH.min), FRESH.max);
}
