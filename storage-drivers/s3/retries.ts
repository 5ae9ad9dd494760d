// When a request is made again. Every request of this driver can be: see s3-driver.ts.
import type { S3ClientConfig } from '@aws-sdk/client-s3';

/** A strategy in the second form of the SDK, the only one that it does not call outdated. */
type RetryStrategy = Extract<S3ClientConfig['retryStrategy'], { recordSuccess: unknown }>;
type RetryToken = Awaited<ReturnType<RetryStrategy['acquireInitialRetryToken']>>;

const ATTEMPTS = 6;
/** After this time no attempt begins, so that a store that is silent holds nobody for long. */
const PATIENCE_MS = 60_000;
const LONGEST_PAUSE_MS = 5_000;
const FIRST_PAUSE_MS = { THROTTLING: 400, TRANSIENT: 100, SERVER_ERROR: 100 } as const;

/**
 * Up to six attempts within a minute, with pauses that double and are cut at random, so that callers who failed together do
 * not come back together.
 */
export function createRetryStrategy(): RetryStrategy {
  const startOf = new WeakMap<RetryToken, number>();

  return {
    async acquireInitialRetryToken() {
      return tokenFor(0, 0, performance.now());
    },

    async refreshRetryTokenForRetry(token, { errorType }) {
      const retries = token.getRetryCount() + 1;
      const start = startOf.get(token) ?? performance.now();
      const isOver = retries >= ATTEMPTS || performance.now() - start > PATIENCE_MS;
      if (errorType === 'CLIENT_ERROR' || isOver) throw new Error('no further attempt');
      const longest = Math.min(FIRST_PAUSE_MS[errorType] * 2 ** retries, LONGEST_PAUSE_MS);
      return tokenFor(retries, Math.random() * longest, start);
    },

    recordSuccess() {},
  };

  function tokenFor(retries: number, pause: number, start: number): RetryToken {
    const token = { getRetryCount: () => retries, getRetryDelay: () => pause };
    startOf.set(token, start);
    return token;
  }
}
