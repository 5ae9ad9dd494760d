// Locks that several replicas share. A holder has a lease that it renews; one that stands still for longer than that loses it,
// and what it does afterwards is refused where it matters (Lease.confirm, and the token that goes with a saved session).
//
// Whoever has to wait asks again and again, and keeps its place in a queue by that: first come, first served, also across
// replicas. Neither many sharers nor many who want the name alone keep the others out.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { RegistryError } from '../registry/errors.ts';
import type { Lease, Locks } from '../registry/locks.ts';
import type { RedisScript, RedisStore } from './redis.ts';
import { ACQUIRE_ALONE, ACQUIRE_SHARED, RELEASE, RENEW_ALONE, RENEW_SHARED } from './redis-lock-scripts.ts';

export interface RedisLocksSettings {
  /** How long a lock outlives a holder that does not renew it, in milliseconds. */
  readonly leaseMs: number;
  /** How long somebody waits for a lock before giving up with `unavailable`, in milliseconds. */
  readonly waitMs: number;
}

/** A place in the queue is lost by whoever does not ask for this long. */
const PLACE_MS = 2_000;
/** Between two tries to get a lock; never the same for everybody. */
const SHORTEST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 100;
/** Between two tries to give a lock back that Redis did not hear of. */
const RELEASE_PAUSE_MS = 1_000;

/** The key under which Redis has the token of whoever has the name alone. */
export function ownerKey(name: string): string {
  return lockKey(name, 'owner');
}

export function createRedisLocks(redis: RedisStore, { leaseMs, waitMs }: RedisLocksSettings): Locks {
  /** Whoever waits again for a lock finds this one gone within a second after Redis is back, not only after the lease. */
  async function releaseLater(keys: readonly string[], token: string): Promise<void> {
    for (const end = performance.now() + leaseMs; performance.now() < end; ) {
      const done = await redis.run(RELEASE, keys, [token]).catch(() => undefined);
      if (done !== undefined) return;
      await sleep(RELEASE_PAUSE_MS, undefined, { ref: false });
    }
  }

  async function hold<T>(
    name: string,
    script: RedisScript,
    renew: RedisScript,
    work: (lease: Lease) => Promise<T>,
  ): Promise<T> {
    const token = randomUUID();
    const keys = ['owner', 'sharers', 'queue', 'places'].map((part) => lockKey(name, part));
    let renewedAt = performance.now();
    let isTaken = false;
    const confirm = async () => {
      const askedAt = performance.now();
      isTaken = (await redis.run(renew, keys, [token, leaseMs])) !== 1;
      if (isTaken) throw new RegistryError('unavailable');
      renewedAt = askedAt;
    };
    const isLost = () => isTaken || performance.now() - renewedAt > leaseMs;
    let renewal: NodeJS.Timeout | undefined;
    try {
      const acquire = () => {
        renewedAt = performance.now();
        return redis.run(script, keys, [token, leaseMs, PLACE_MS]);
      };
      await acquired(acquire, waitMs);
      // A renewal that fails is not the end: the next one may come in time, and whoever needs to know confirms.
      renewal = setInterval(() => void confirm().catch(() => undefined), leaseMs / 3);
      renewal.unref();
      const result = await work({ token, confirm, isLost });
      clearInterval(renewal);
      // Awaited, so that what the same client does next finds the name free.
      await redis.run(RELEASE, keys, [token]).catch(() => void releaseLater(keys, token));
      return result;
    } catch (error) {
      clearInterval(renewal);
      // Not awaited: if Redis stands still, the one that asked has waited for it already. Also after an attempt that
      // failed, which may have succeeded there.
      void releaseLater(keys, token);
      throw error;
    }
  }

  return {
    shared: (name, work) => hold(name, ACQUIRE_SHARED, RENEW_SHARED, work),
    exclusive: (name, work) => hold(name, ACQUIRE_ALONE, RENEW_ALONE, work),
  };
}

/** All keys of a name are in one slot of a cluster, which reads a tag up to the first brace that closes. */
function lockKey(name: string, part: string): string {
  return `{${name.replace(/[{}%]/g, encodeURIComponent)}}:${part}`;
}

/**
 * Tries until it succeeds. An attempt gives -1 when it has, and otherwise how many are to be served before. Throws `unavailable`
 * when that takes too long, or Redis is away.
 */
async function acquired(attempt: () => Promise<unknown>, waitMs: number): Promise<void> {
  const end = performance.now() + waitMs;
  let place: unknown;
  let inPlaceSince = 0;
  for (;;) {
    const before = await attempt();
    if (before === -1) return;
    const now = performance.now();
    if (now > end) throw new RegistryError('unavailable');
    if (before !== place) inPlaceSince = now;
    place = before;
    // Who stands near the head of a queue that moves asks often; nobody does while one holder takes long.
    const pause = Math.max(SHORTEST_PAUSE_MS * (Number(before) + 1), (now - inPlaceSince) / 10);
    await sleep(Math.min(pause, LONGEST_PAUSE_MS) * (0.5 + Math.random()));
  }
}
