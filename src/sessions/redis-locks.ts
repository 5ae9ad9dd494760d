// Locks that several replicas share. A holder has a lease that it renews; one that stands still for longer than that loses it,
// and what it does afterwards is refused where it matters (Lease.confirm, and the token that goes with a saved session).
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { RegistryError } from '../registry/errors.ts';
import type { Lease, Locks } from '../registry/locks.ts';
import type { RedisScript, RedisStore } from './redis.ts';

export interface RedisLocksSettings {
  /** How long a lock outlives a holder that does not renew it. */
  readonly leaseMs: number;
  /** How long somebody waits for a lock before giving up with `unavailable`. */
  readonly waitMs: number;
}

/** A waiter that wants the name alone keeps newcomers out for this long, so that it gets its turn. */
const CLAIM_MS = 1_000;
/** Between two tries to get a lock: short at first, and never the same for everybody. */
const SHORTEST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 100;

const OWN_CLOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

// KEYS: owner, sharers, claim. ARGV: token, lease, claim.
const ACQUIRE_ALONE: RedisScript = {
  name: 'acquire-alone',
  lua: `${OWN_CLOCK}
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local claimed = redis.call('GET', KEYS[3])
if claimed and claimed ~= ARGV[1] then return 0 end
if redis.call('EXISTS', KEYS[1]) == 1 or redis.call('ZCARD', KEYS[2]) > 0 then
  redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[3])
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[3])
return 1`,
};

const ACQUIRE_SHARED: RedisScript = {
  name: 'acquire-shared',
  lua: `${OWN_CLOCK}
if redis.call('EXISTS', KEYS[1]) == 1 or redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2] * 2)
return 1`,
};

const RENEW_ALONE: RedisScript = {
  name: 'renew-alone',
  lua: `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`,
};

const RENEW_SHARED: RedisScript = {
  name: 'renew-shared',
  lua: `${OWN_CLOCK}
local expires = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not expires or tonumber(expires) <= now then return 0 end
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2] * 2)
return 1`,
};

const RELEASE: RedisScript = {
  name: 'release',
  lua: `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
redis.call('ZREM', KEYS[2], ARGV[1])
return 1`,
};

/** The key under which Redis has the token of whoever has the name alone. */
export function ownerKey(name: string): string {
  return `{${name}}:owner`;
}

export function createRedisLocks(redis: RedisStore, { leaseMs, waitMs }: RedisLocksSettings): Locks {
  async function hold<T>(
    name: string,
    acquire: RedisScript,
    renew: RedisScript,
    work: (lease: Lease) => Promise<T>,
  ): Promise<T> {
    const token = randomUUID();
    const keys = [ownerKey(name), `{${name}}:sharers`, `{${name}}:claim`];
    await acquired(() => redis.run(acquire, keys, [token, leaseMs, CLAIM_MS]), waitMs);
    const confirm = async () => {
      if ((await redis.run(renew, keys, [token, leaseMs])) !== 1) throw new RegistryError('unavailable');
    };
    // A renewal that fails is not the end: the next one may come in time, and whoever needs to know confirms.
    const renewal = setInterval(() => void confirm().catch(() => undefined), leaseMs / 3);
    renewal.unref();
    try {
      return await work({ token, confirm });
    } finally {
      clearInterval(renewal);
      // If Redis does not hear of it, the lease runs out.
      await redis.run(RELEASE, keys, [token]).catch(() => undefined);
    }
  }

  return {
    shared: (name, work) => hold(name, ACQUIRE_SHARED, RENEW_SHARED, work),
    exclusive: (name, work) => hold(name, ACQUIRE_ALONE, RENEW_ALONE, work),
  };
}

/** Tries until it succeeds. Throws `unavailable` when that takes too long, or Redis is away. */
async function acquired(attempt: () => Promise<unknown>, waitMs: number): Promise<void> {
  const end = performance.now() + waitMs;
  for (let pause = SHORTEST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    if ((await attempt()) === 1) return;
    if (performance.now() > end) throw new RegistryError('unavailable');
    await sleep(pause * (0.5 + Math.random()));
  }
}
