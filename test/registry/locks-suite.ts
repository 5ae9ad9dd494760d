// What all locks have to do (src/registry/locks.ts), within a process or between several.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { Locks } from '../../src/registry/locks.ts';

/** Work that says when it runs and ends when it is told to. */
export function work(name: string, log: string[]) {
  const begun = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  return {
    begun: begun.promise,
    end: () => end.resolve(),
    fail: () => end.reject(new Error(name)),
    run: async () => {
      log.push(`+${name}`);
      begun.resolve();
      await end.promise;
      log.push(`-${name}`);
      return name;
    },
  };
}

/**
 * Runs the suite on what `open` gives.
 * @param settle resolves when whoever asked has got the lock, or waits in the queue
 */
export function locksSuite(name: string, open: () => Locks, settle: () => Promise<void>): void {
  test(`${name}: many share a name, and one has it alone`, async () => {
    const locks = open();
    const lock = randomUUID();
    const log: string[] = [];
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => work(name, log));
    assert.ok(a && b && c && d);
    const all = [locks.shared(lock, a.run)];
    await settle();
    all.push(locks.shared(lock, b.run));
    await settle();
    all.push(locks.exclusive(lock, c.run));
    await settle();
    all.push(locks.shared(lock, d.run));
    await settle();
    assert.deepEqual(log, ['+a', '+b'], 'whoever comes after one that waits to be alone waits too');
    a.end();
    await settle();
    assert.deepEqual(log, ['+a', '+b', '-a']);
    b.end();
    await c.begun;
    await settle();
    assert.deepEqual(log, ['+a', '+b', '-a', '-b', '+c']);
    c.end();
    await d.begun;
    assert.deepEqual(log.slice(5), ['-c', '+d']);
    d.end();
    assert.deepEqual(await Promise.all(all), ['a', 'b', 'c', 'd']);
  });

  test(`${name}: names do not wait for one another`, async () => {
    const locks = open();
    const slow = work('slow', []);
    const held = locks.exclusive(randomUUID(), slow.run);
    assert.equal(await locks.exclusive(randomUUID(), async () => 'at once'), 'at once');
    slow.end();
    await held;
  });

  test(`${name}: names may hold anything`, async () => {
    const locks = open();
    const hostile = ['}{', '{a}', '\r\nFLUSHALL\r\n', '*', '../../x', '%7B', 'ä\u0000', 'x'.repeat(100_000)];
    for (const lock of hostile) {
      const held = work('held', []);
      const holding = locks.exclusive(lock, held.run);
      await held.begun;
      assert.equal(await locks.shared(`${lock}.`, async () => 'another'), 'another');
      held.end();
      assert.equal(await holding, 'held');
    }
  });

  test(`${name}: work that fails gives the name back, and its error goes to whoever asked`, async () => {
    const locks = open();
    for (const kind of ['exclusive', 'shared'] as const) {
      const lock = randomUUID();
      const failing = work('failing', []);
      const failed = locks[kind](lock, failing.run);
      await failing.begun;
      const next = locks.exclusive(lock, async () => 'next');
      failing.fail();
      await assert.rejects(failed, /failing/);
      assert.equal(await next, 'next');
    }
  });

  test(`${name}: every holder has a lease that holds while it works`, async () => {
    const locks = open();
    const lock = randomUUID();
    await locks.exclusive(lock, (lease) => lease.confirm());
    await locks.shared(lock, (lease) => lease.confirm());
  });

  test(`${name}: a hundred turns are taken one at a time`, async () => {
    const locks = open();
    const lock = randomUUID();
    let running = 0;
    let done = 0;
    const takeTurn = async () => {
      running += 1;
      assert.equal(running, 1);
      await new Promise(setImmediate);
      running -= 1;
      done += 1;
    };
    await Promise.all(Array.from({ length: 100 }, () => locks.exclusive(lock, takeTurn)));
    assert.equal(done, 100);
  });
}
