import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import bcrypt from 'bcryptjs';
import { parseBcryptHash } from '../../../src/auth/passwords/bcrypt-hash.ts';
import { isRefusal } from '../../../src/registry/errors.ts';
import { watchedPool } from './threads.ts';

const hashOf = (password: string, cost = 4) => parseBcryptHash(bcrypt.hashSync(password, cost));

test('what crypt(3) has hashed is checked', async (t) => {
  const pool = watchedPool(t);
  const hash = parseBcryptHash('$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2');
  assert.equal(await pool.verify('correct horse', hash), true);
  for (const wrong of ['correct horses', 'Correct horse', 'correct hors', '', 'correct horse ', hash])
    assert.equal(await pool.verify(wrong, hash), false);
});

test('a password of 72 bytes is checked whole, its first 71 bytes are not enough', async (t) => {
  const pool = watchedPool(t);
  const hash = parseBcryptHash('$2b$05$abcdefghijklmnopqrstuu9CyuiEyTnupb4rnoYIlshaDzoYa6ZaS');
  assert.equal(await pool.verify('é'.repeat(36), hash), true);
  assert.equal(await pool.verify(`${'é'.repeat(35)}e`, hash), false);
});

test('a password over 72 bytes matches nothing, also not the hash that bcrypt made of it, and costs a hash', async (t) => {
  const pool = watchedPool(t);
  for (const long of ['x'.repeat(73), 'x'.repeat(80), 'é'.repeat(37), 'x'.repeat(1_000_000)])
    assert.equal(await pool.verify(long, hashOf(long)), false);
  assert.equal(pool.hashed(), 4);
});

test('a password with a NUL matches nothing, and costs a hash', async (t) => {
  const pool = watchedPool(t);
  assert.equal(await pool.verify('secret\0', hashOf('secret')), false);
  assert.equal(await pool.verify('secret\0more', hashOf('secret\0more')), false);
  assert.equal(await pool.verify('\0', hashOf('')), false);
  assert.equal(pool.hashed(), 3);
});

test('what can never match does not match the hash of nothing either', async (t) => {
  const pool = watchedPool(t);
  assert.equal(await pool.verify('x'.repeat(73), hashOf('')), false);
  assert.equal(await pool.verify('', hashOf('')), true);
});

test('threads start when they are needed, and no more than allowed', async (t) => {
  const pool = watchedPool(t, { threads: 2 });
  assert.equal(pool.started.length, 0);
  const hash = hashOf('a');
  await pool.verify('a', hash);
  await pool.verify('a', hash);
  assert.equal(pool.started.length, 1);
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) => pool.verify(n === 7 ? 'a' : 'b', hash)),
  );
  assert.deepEqual(answers.indexOf(true), 7);
  assert.equal(answers.filter(Boolean).length, 1);
  assert.equal(pool.started.length, 2);
});

test('a check that finds the queue full is refused at once with 429, those before it are not', async (t) => {
  const pool = watchedPool(t, { threads: 1, maxWaiting: 2 });
  const hash = hashOf('a');
  const checks = Array.from({ length: 5 }, () => pool.verify('a', hash));
  const outcomes = await Promise.allSettled(checks);
  const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'],
  );
  assert.ok(refusals.every((error) => isRefusal(error, 'tooManyRequests') && error.status === 429));
  assert.equal(await pool.verify('a', hash), true);
});

test('a thread that dies fails its own check alone, and another one takes its place', async (t) => {
  const pool = watchedPool(t, { threads: 1 });
  const hash = hashOf('a');
  const doomed = pool.verify('hunter2 hunter2', hashOf('b', 12));
  const next = pool.verify('a', hash);
  await pool.started[0]?.terminate();
  await assert.rejects(doomed, (error) => {
    assert.ok(isRefusal(error, 'unavailable'));
    assert.ok(error.cause instanceof Error);
    assert.ok(!error.cause.message.includes('hunter2'));
    return true;
  });
  assert.equal(await next, true);
  assert.equal(await pool.verify('b', hash), false);
  assert.equal(pool.started.length, 2);
});

test('a pool that is closed fails what it has not checked, and all that comes later', async (t) => {
  const pool = watchedPool(t, { threads: 1 });
  const hash = hashOf('a', 12);
  const outcomes = Promise.allSettled([pool.verify('a', hash), pool.verify('b', hash)]);
  await pool.close();
  for (const outcome of await outcomes)
    assert.ok(outcome.status === 'rejected' && isRefusal(outcome.reason, 'unavailable'));
  await assert.rejects(pool.verify('a', hash), (error) => isRefusal(error, 'unavailable'));
  await pool.close();
});

test('an idle thread keeps no process alive, and a busy one does', async () => {
  const folder = new URL('../../../src/auth/passwords/', import.meta.url);
  const script = `
    import { createBcryptPool } from '${new URL('bcrypt-pool.ts', folder)}';
    import { makeDecoy } from '${new URL('bcrypt-hash.ts', folder)}';
    const pool = createBcryptPool();
    await pool.verify('a', makeDecoy(4));
    process.stdout.write(String(await pool.verify('a', makeDecoy(4))));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  assert.equal(stdout, 'false');
});
