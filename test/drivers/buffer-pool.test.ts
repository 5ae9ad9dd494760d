// The memory that readers share: used again while somebody reads, and given back when nobody does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBufferPool } from '../../storage-drivers/buffer-pool.ts';
import { MIB } from './content.ts';

const IDLE_MS = 30_000;

test('memory that was given back is used again, and what is given up is not', () => {
  const pool = createBufferPool();
  const [first, second] = [pool.borrow(MIB), pool.borrow(5 * MIB)];
  assert.deepEqual([first.length, second.length], [MIB, MIB]);
  assert.notEqual(first.buffer, second.buffer);
  pool.giveBack(first);
  pool.forget(second);
  assert.equal(pool.borrow(MIB).buffer, first.buffer);
  assert.notEqual(pool.borrow(MIB).buffer, second.buffer);
});

test('while much is lent out, pieces are small', () => {
  const pool = createBufferPool();
  const lent = Array.from({ length: 32 }, () => pool.borrow(MIB));
  const small = pool.borrow(MIB);
  assert.equal(small.length, MIB / 16);
  pool.giveBack(small);
  assert.equal(pool.borrow(MIB).buffer, small.buffer);
  for (const buffer of lent) pool.giveBack(buffer);
  assert.equal(pool.borrow(MIB).length, MIB);
});

test('what nobody has borrowed for half a minute is given back to the system', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const pool = createBufferPool();
  const large = pool.borrow(MIB);
  const small = pool.borrow(MIB / 16);
  pool.giveBack(large);
  pool.giveBack(small);
  t.mock.timers.tick(IDLE_MS - 1);
  assert.equal(pool.borrow(MIB).buffer, large.buffer, 'it is kept until then');
  pool.giveBack(large);
  t.mock.timers.tick(IDLE_MS - 1);
  assert.equal(pool.borrow(MIB / 16).buffer, small.buffer);
  pool.giveBack(small);
  pool.forget(pool.borrow(5));
  t.mock.timers.tick(IDLE_MS);
  assert.notEqual(pool.borrow(MIB).buffer, large.buffer);
  assert.notEqual(pool.borrow(MIB / 16).buffer, small.buffer);
});
