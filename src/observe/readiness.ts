// Whether requests can be served now: the checks pass, the store answers, and nobody has asked the server to stop.
import { setTimeout as sleep } from 'node:timers/promises';
import { describeFailure } from './failure.ts';

export interface ReadinessDependencies {
  /** Names of the health checks that fail, and why. */
  readonly failures: () => Readonly<Record<string, string>>;
  /** Throws when the store is out of order. */
  readonly lookAtStore: () => Promise<unknown>;
  /** Why no requests are served now, if so. */
  readonly whyNotServing: () => string | undefined;
  /**
   * Milliseconds that the store may take.
   * @default 5_000
   */
  readonly limitMs?: number;
  /**
   * Milliseconds for which what was seen of the store holds: whoever asks often does not tire it.
   * @default 1_000
   */
  readonly holdsMs?: number;
}

/** What stands against serving requests, by name; nothing if the server is ready. */
export function createReadiness(
  dependencies: ReadinessDependencies,
): () => Promise<Readonly<Record<string, string>>> {
  const { failures, lookAtStore, whyNotServing, limitMs = 5_000, holdsMs = 1_000 } = dependencies;
  let last: Promise<string | undefined> | undefined;
  /** When what was seen holds no longer; not before it was seen. */
  let until = Number.POSITIVE_INFINITY;

  function storeFailure(): Promise<string | undefined> {
    if (last !== undefined && performance.now() < until) return last;
    until = Number.POSITIVE_INFINITY;
    last = look().finally(() => {
      until = performance.now() + holdsMs;
    });
    return last;
  }

  async function look(): Promise<string | undefined> {
    const looked = new AbortController();
    const late = sleep(limitMs, 'no answer in time', { signal: looked.signal, ref: false });
    try {
      const seen = lookAtStore().then(() => undefined, describeFailure);
      return await Promise.race([seen, late]);
    } finally {
      looked.abort();
      late.catch(() => undefined);
    }
  }

  return async () => {
    const reason = whyNotServing();
    if (reason !== undefined) return { server: reason };
    const failure = await storeFailure();
    return { ...failures(), ...(failure !== undefined && { storage: failure }) };
  };
}
