import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLocks } from '../../src/registry/locks.ts';

/** Work that says when it runs and ends when it is told to. */
function work(name: string, log: string[]) {
  const end = Promise.withResolvers<void>();
  return {
    end: () => end.resolve(),
    fail: () => end.reject(new Error(name)),
    run: async () => {
      log.push(`+${name}`);
      await end.promise;
      log.push(`-${name}`);
      return name;
    },
  };
}

const turn = () => new Promise(setImmediate);

test('many share a name, and one has it alone', async () => {
  const locks = createLocks();
  const log: string[] = [];
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => work(name, log));
  assert.ok(a && b && c && d);
  const all = [
    locks.shared('x', a.run),
    locks.shared('x', b.run),
    locks.exclusive('x', c.run),
    locks.shared('x', d.run),
  ];
  await turn();
  assert.deepEqual(log, ['+a', '+b'], 'whoever comes after one that waits to be alone waits too');
  a.end();
  await turn();
  assert.deepEqual(log, ['+a', '+b', '-a']);
  b.end();
  await turn();
  assert.deepEqual(log, ['+a', '+b', '-a', '-b', '+c']);
  c.end();
  await turn();
  assert.deepEqual(log.slice(5), ['-c', '+d']);
  d.end();
  assert.deepEqual(await Promise.all(all), ['a', 'b', 'c', 'd']);
});

test('names do not wait for one another', async () => {
  const locks = createLocks();
  const log: string[] = [];
  const slow = work('slow', log);
  const held = locks.exclusive('x', slow.run);
  assert.equal(await locks.exclusive('y', async () => 'at once'), 'at once');
  slow.end();
  await held;
});

test('work that fails gives the name back, and its error goes to whoever asked', async () => {
  const locks = createLocks();
  const log: string[] = [];
  for (const kind of ['exclusive', 'shared'] as const) {
    const failing = work('failing', log);
    const failed = locks[kind]('x', failing.run);
    const next = locks.exclusive('x', async () => 'next');
    failing.fail();
    await assert.rejects(failed, /failing/);
    assert.equal(await next, 'next');
  }
});

test('a thousand turns are taken one at a time, in their order', async () => {
  const locks = createLocks();
  let running = 0;
  const order: number[] = [];
  const turns = Array.from({ length: 1000 }, (_, number) =>
    locks.exclusive('x', async () => {
      running += 1;
      assert.equal(running, 1);
      await null;
      order.push(number);
      running -= 1;
    }),
  );
  await Promise.all(turns);
  assert.deepEqual(
    order,
    order.toSorted((left, right) => left - right),
  );
});
