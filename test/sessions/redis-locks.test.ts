// Locks that are shared over Redis: the contract of all locks, and what becomes of holders that stand still.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { RegistryError } from '../../src/registry/errors.ts';
import type { Lease } from '../../src/registry/locks.ts';
import { connectRedis, type RedisStore } from '../../src/sessions/redis.ts';
import { createRedisLocks, ownerKey } from '../../src/sessions/redis-locks.ts';
import { locksSuite, work } from '../registry/locks-suite.ts';
import { openRedis, settingsOf } from '../support/redis-clients.ts';
import { startRedisServer, until } from '../support/redis-server.ts';
import { whyNotHere } from '../support/system-packages.ts';

const LONG = { leaseMs: 15_000, waitMs: 30_000 };
const SHORT = { leaseMs: 300, waitMs: 30_000 };
const unavailable = (error: unknown) => error instanceof RegistryError && error.reason === 'unavailable';

describe('locks over Redis', { skip: whyNotHere(['redis-server']) }, async () => {
  const server = await startRedisServer({ after });
  const redis = await openRedis({ after }, server.port);

  let contacts = 0;
  const counted: RedisStore = {
    ...redis,
    run: (...call) => redis.run(...call).finally(() => (contacts += 1)),
  };
  locksSuite(
    'over Redis',
    () => createRedisLocks(counted, LONG),
    // Whoever asks once has the lock or its place in the queue then.
    async () => {
      const seen = contacts;
      await redis.run('return 1', ['{x}'], []);
      await until(async () => contacts > seen);
      await redis.run('return 1', ['{x}'], []);
      await new Promise((resolve) => setImmediate(resolve));
    },
  );

  test('several processes take turns too', async () => {
    const replicas = [createRedisLocks(redis, LONG), createRedisLocks(redis, LONG)];
    let running = 0;
    let done = 0;
    const takeTurn = async () => {
      running += 1;
      assert.equal(running, 1);
      await new Promise(setImmediate);
      running -= 1;
      done += 1;
    };
    await Promise.all(
      Array.from({ length: 20 }, () => replicas.map((locks) => locks.exclusive('x', takeTurn))).flat(),
    );
    assert.equal(done, 40);
  });

  test('a holder that goes on renewing keeps the lock for longer than its lease', async () => {
    const locks = createRedisLocks(redis, SHORT);
    const held = work('held', []);
    const holding = locks.exclusive('x', async (lease) => {
      await held.run();
      await lease.confirm();
    });
    await held.begun;
    const impatient = createRedisLocks(redis, { ...SHORT, waitMs: SHORT.leaseMs * 3 });
    await assert.rejects(
      impatient.exclusive('x', async () => 'never'),
      unavailable,
    );
    held.end();
    await holding;
  });

  for (const kind of ['exclusive', 'shared'] as const) {
    test(`a holder (${kind}) that stands still for longer than its lease loses the lock, and hears so`, async () => {
      const stopped = stoppable(redis);
      const held = work('held', []);
      const losing = createRedisLocks(stopped.redis, SHORT)[kind]('x', async (lease) => {
        stopped.stop();
        await held.run();
        stopped.goOn();
        await lease.confirm();
      });
      await held.begun;
      const next = await createRedisLocks(redis, SHORT).exclusive('x', async (lease) => {
        held.end();
        await assert.rejects(losing, unavailable);
        await lease.confirm();
        return 'the late one took nothing away';
      });
      assert.equal(next, 'the late one took nothing away');
    });
  }

  test('a lease that Redis forgot is lost', async () => {
    await createRedisLocks(redis, LONG).exclusive('x', async (lease) => {
      assert.equal(lease.isLost(), false);
      await server.client.flushall();
      await assert.rejects(lease.confirm(), unavailable);
      assert.equal(lease.isLost(), true);
    });
  });

  test('a holder that cannot reach Redis knows by its own clock when its lease is over', async () => {
    const stopped = stoppable(redis);
    await createRedisLocks(stopped.redis, SHORT).exclusive('cut off', async (lease) => {
      stopped.stop();
      while (!lease.isLost()) await new Promise((resolve) => setTimeout(resolve, SHORT.leaseMs / 10));
      stopped.goOn();
      await assert.rejects(lease.confirm(), unavailable);
    });
  });

  test('of two that hold one name, as after Redis went back in time, one alone may go on', async () => {
    const locks = createRedisLocks(redis, LONG);
    const key = `berth:${ownerKey('x')}`;
    await locks.exclusive('x', async (first: Lease) => {
      const earlier = await server.client.dumpBuffer(key);
      assert.ok(earlier);
      await server.client.flushall();
      await locks.exclusive('x', async (second: Lease) => {
        await server.client.restore(key, 10_000, earlier, 'REPLACE');
        await first.confirm();
        await assert.rejects(second.confirm(), unavailable);
      });
    });
  });

  test('one that stops waiting gives up its place in the queue', async () => {
    const locks = createRedisLocks(redis, LONG);
    const impatient = createRedisLocks(redis, { ...LONG, waitMs: 0 });
    const first = work('first', []);
    const second = work('second', []);
    const sharing = locks.shared('x', first.run);
    await first.begun;
    await assert.rejects(
      impatient.exclusive('x', async () => 'never'),
      unavailable,
    );
    const alsoSharing = locks.shared('x', second.run);
    await second.begun;
    first.end();
    second.end();
    await Promise.all([sharing, alsoSharing]);
  });

  test('one that is gone keeps its place for a while only', async () => {
    const locks = createRedisLocks(redis, LONG);
    const held = work('held', []);
    const sharing = locks.shared('x', held.run);
    await held.begun;
    const dead = connectRedis({
      ...settingsOf([server.port]),
      tls: undefined,
      commandTimeoutMs: 1_500,
      connectTimeoutMs: 5_000,
    });
    await dead.firstContact();
    const dying = createRedisLocks(dead, LONG).exclusive('x', async () => 'never');
    await until(async () => (await server.keys()).some((key) => key.endsWith('queue')));
    await dead.close();
    await assert.rejects(dying, unavailable);
    assert.equal(await locks.shared('x', async () => 'shared'), 'shared');
    held.end();
    await sharing;
  });

  test('a lock that was taken while Redis stood still is given back when it goes on', async (t) => {
    const hasty = connectRedis({
      ...settingsOf([server.port]),
      tls: undefined,
      commandTimeoutMs: 200,
      connectTimeoutMs: 5_000,
    });
    t.after(() => hasty.close());
    await hasty.firstContact();
    server.pause();
    await assert.rejects(
      createRedisLocks(hasty, LONG).exclusive('x', async () => 'never'),
      unavailable,
    );
    server.resume();
    // Long before the lease of 15 seconds has run out.
    const soon = createRedisLocks(redis, { ...LONG, waitMs: 8_000 });
    assert.equal(await soon.exclusive('x', async () => 'free'), 'free');
  });

  test('no key stays, and none would stay if nobody came back', async () => {
    const locks = createRedisLocks(redis, LONG);
    const held = work('held', []);
    const all = [
      locks.shared('x', held.run),
      locks.exclusive('x', async () => 'x'),
      locks.shared('x', async () => 's'),
    ];
    await until(async () => (await server.client.zcard('berth:{x}:queue')) === 2);
    const keys = await server.keys('berth:{x}*');
    assert.equal(keys.length, 3, keys.join());
    for (const key of keys) assert.ok((await server.client.pttl(key)) > 0, key);
    held.end();
    await Promise.all(all);
    await locks.exclusive('x', async () => {
      for (const key of await server.keys()) assert.ok((await server.client.pttl(key)) > 0, key);
    });
    await until(async () => (await server.keys()).length === 0);
  });
});

/** A connection whose owner can stand still: its calls wait, as those of a process that was stopped. */
function stoppable(redis: RedisStore) {
  let goOn = Promise.withResolvers<void>();
  goOn.resolve();
  const held: RedisStore = {
    ...redis,
    async run(...call) {
      await goOn.promise;
      return redis.run(...call);
    },
  };
  return {
    redis: held,
    stop() {
      goOn = Promise.withResolvers<void>();
    },
    goOn: () => goOn.resolve(),
  };
}
