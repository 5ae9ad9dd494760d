// How often a wrong password may be tried: per address, and per name from one address. Never per name alone, or anybody could
// lock anybody out.
import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { atMost } from '../registry/at-most.ts';
import { networkOf } from './network.ts';

/** Addresses are those of clients as the server knows them; empty for a client without one, and all of these are one client. */
export interface LoginLimit {
  /** Whole seconds that this login has to wait, unchecked and uncounted; `undefined` if it may be checked now. */
  check(name: string, address: string): number | undefined;
  /** A login was checked and its password was wrong. Names that do not exist count like others. */
  failed(name: string, address: string): void;
  /** A login was checked and its password was right. */
  succeeded(name: string, address: string): void;
}

/** So many failures may come at once; each is forgiven after so many seconds, one after the other. */
export interface Allowance {
  readonly atOnce: number;
  readonly forgivenAfter: number;
}

export interface LoginLimitSettings {
  /**
   * Enough for an office that shares one address; guessing comes to 1 password a second, a small part of what a thread hashes.
   * @default 60 at once, 1 a second
   */
  readonly perAddress?: Allowance;
  /**
   * Less than `perAddress`, so that one job with an old password does not use up what belongs to all behind its address.
   * @default 10 at once, 1 in 20 seconds
   */
  readonly perNameAndAddress?: Allowance;
  readonly now?: () => Date;
}

/** More failures than this for may be counted (checks run at the same time), but nobody waits for longer. */
const LONGEST_WAIT_MS = 900_000;
/** How long a name that came in from an address is known there. */
const KNOWN_FOR_MS = 86_400_000;
const MAX_ADDRESSES = 50_000;
const MAX_PAIRS = 50_000;

export function createLoginLimit({
  perAddress = { atOnce: 60, forgivenAfter: 1 },
  perNameAndAddress = { atOnce: 10, forgivenAfter: 20 },
  now = () => new Date(),
}: LoginLimitSettings = {}): LoginLimit {
  const addresses = createLedger(perAddress, MAX_ADDRESSES);
  const pairs = createLedger(perNameAndAddress, MAX_PAIRS);
  const knownSince = new LRUCache<string, number>(atMost(MAX_PAIRS));

  return {
    check(name, address) {
      const time = now().getTime();
      const pair = pairOf(name, address);
      const waitMs = isKnown(pair, time)
        ? pairs.waitMs(pair, time)
        : Math.max(pairs.waitMs(pair, time), addresses.waitMs(networkOf(address), time));
      return waitMs > 0 ? Math.ceil(waitMs / 1000) : undefined;
    },
    failed(name, address) {
      const time = now().getTime();
      pairs.add(pairOf(name, address), time);
      addresses.add(networkOf(address), time);
    },
    succeeded(name, address) {
      // It forgives nothing: behind a shared address each login of the victim would give the guesser a fresh start.
      knownSince.set(pairOf(name, address), now().getTime());
    },
  };

  /** Who has come in from here does not suffer from what others do behind the same address. */
  function isKnown(pair: string, time: number): boolean {
    const since = knownSince.get(pair);
    return since !== undefined && Math.abs(time - since) < KNOWN_FOR_MS;
  }
}

interface Ledger {
  waitMs(key: string, time: number): number;
  add(key: string, time: number): void;
}

/** Keeps one number for each key: when its last failure will be forgiven. Keys that have been quiet for longest make room. */
function createLedger({ atOnce, forgivenAfter }: Allowance, max: number): Ledger {
  const clearAt = new LRUCache<string, number>(atMost(max));
  const intervalMs = forgivenAfter * 1000;
  // With this much to be forgiven one more may be tried.
  const toleratedMs = (atOnce - 1) * intervalMs;

  /** Never more than the longest wait, also when the clock was set back. */
  function owedMs(key: string, time: number): number {
    const owed = (clearAt.get(key) ?? time) - time;
    return Math.min(Math.max(owed, 0), toleratedMs + LONGEST_WAIT_MS);
  }

  return {
    waitMs: (key, time) => Math.max(0, owedMs(key, time) - toleratedMs),
    add: (key, time) => clearAt.set(key, time + owedMs(key, time) + intervalMs),
  };
}

/** Of one length, however long the name is that somebody makes up. */
function pairOf(name: string, address: string): string {
  return hash('sha256', JSON.stringify([name, networkOf(address)]), 'base64');
}
