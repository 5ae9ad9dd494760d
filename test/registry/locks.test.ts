import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLocks } from '../../src/registry/locks.ts';
import { locksSuite } from './locks-suite.ts';

locksSuite('within the process', createLocks, () => new Promise((resolve) => setImmediate(resolve)));

test('a thousand turns are taken in their order', async () => {
  const locks = createLocks();
  const order: number[] = [];
  const turns = Array.from({ length: 1000 }, (_, number) =>
    locks.exclusive('x', async () => {
      await null;
      order.push(number);
    }),
  );
  await Promise.all(turns);
  assert.deepEqual(
    order,
    order.toSorted((left, right) => left - right),
  );
});
