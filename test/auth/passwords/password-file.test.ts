import assert from 'node:assert/strict';
import { rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type TestContext, test } from 'node:test';
import bcrypt from 'bcryptjs';
import { pino } from 'pino';
import { type BcryptHash, costOf } from '../../../src/auth/passwords/bcrypt-hash.ts';
import type { BcryptPool } from '../../../src/auth/passwords/bcrypt-pool.ts';
import { openPasswordFile } from '../../../src/auth/passwords/password-file.ts';
import { isRefusal } from '../../../src/registry/errors.ts';
import { temporaryDirectory } from '../../support/service.ts';
import { watchedPool } from './threads.ts';

const line = (name: string, password: string, cost = 4) => `${name}:${bcrypt.hashSync(password, cost)}\n`;

test('name and password prove the account, and nothing else does', async (t) => {
  const { file } = await opened(t, line('alice', 'wonderland') + line('bob', 'builder'));
  assert.deepEqual(await file.verify('alice', 'wonderland'), { kind: 'account', name: 'alice', groups: [] });
  for (const [name, password] of [
    ['alice', 'builder'],
    ['bob', 'wonderland'],
    ['Alice', 'wonderland'],
    ['alice ', 'wonderland'],
    ['alice', ''],
    ['', ''],
    ['carol', 'wonderland'],
    ['__proto__', 'wonderland'],
  ] as const)
    assert.equal(await file.verify(name, password), undefined, `${name}:${password}`);
});

test('a login of somebody who is not in the file costs one hash, as that of somebody who is', async (t) => {
  const { file, hashes } = await opened(t, line('alice', 'wonderland', 5));
  await file.verify('alice', 'wrong');
  await file.verify('mallory', 'wrong');
  await file.verify('', '');
  await file.verify('mallory', 'x'.repeat(100));
  await file.verify('alice', 'x'.repeat(100));
  assert.deepEqual(hashes.map(costOf), [5, 5, 5, 5, 5]);
});

test('unknown names cost what the entries of the file cost: each name always the same, each cost as often', async (t) => {
  const { file, hashes } = await opened(
    t,
    line('a', 'x', 4) + line('b', 'x', 4) + line('c', 'x', 4) + line('d', 'x', 5),
  );
  for (let n = 0; n < 200; n += 1) await file.verify(`nobody${n}`, 'x');
  const first = hashes.map(costOf);
  for (let n = 0; n < 200; n += 1) await file.verify(`nobody${n}`, 'y');
  assert.deepEqual(hashes.slice(200).map(costOf), first);
  const dear = first.filter((cost) => cost === 5).length;
  assert.ok(dear > 15 && dear < 100, `${dear} of 200`);
});

test('a file with nobody in it costs a usual hash for everybody', async (t) => {
  const { file, hashes } = await opened(t, '# nobody yet\n');
  assert.equal(await file.verify('alice', 'wonderland'), undefined);
  assert.deepEqual(hashes.map(costOf), [10]);
});

test('fifty requests with the right password cost one hash, whether they come at once or one by one', async (t) => {
  const { file, hashes } = await opened(t, line('alice', 'wonderland'));
  const callers = await Promise.all(Array.from({ length: 50 }, () => file.verify('alice', 'wonderland')));
  assert.ok(callers.every((caller) => caller?.name === 'alice'));
  for (let n = 0; n < 50; n += 1) assert.ok(await file.verify('alice', 'wonderland'));
  assert.equal(hashes.length, 1);
  assert.equal(await file.verify('alice', 'wonderlanD'), undefined);
});

test('a wrong password is not remembered, and costs a hash each time', async (t) => {
  const { file, hashes } = await opened(t, line('alice', 'wonderland'));
  for (let n = 0; n < 3; n += 1) assert.equal(await file.verify('alice', 'wrong'), undefined);
  assert.equal(hashes.length, 3);
});

test('a right password is remembered for five minutes', async (t) => {
  const { file, hashes, pass } = await opened(t, line('alice', 'wonderland'));
  await file.verify('alice', 'wonderland');
  pass(299);
  await file.verify('alice', 'wonderland');
  assert.equal(hashes.length, 1);
  pass(1);
  assert.ok(await file.verify('alice', 'wonderland'));
  assert.equal(hashes.length, 2);
});

test('a new password counts at once, and the old one is forgotten with its entry', async (t) => {
  const { file, path, pass } = await opened(t, line('alice', 'old'));
  assert.ok(await file.verify('alice', 'old'));
  await writeFile(path, line('alice', 'new') + line('bob', 'builder'));
  pass(5);
  assert.equal(await file.verify('alice', 'old'), undefined);
  assert.ok(await file.verify('alice', 'new'));
  assert.ok(await file.verify('bob', 'builder'));
});

test('who was taken out of the file does not come in, however right and remembered the password is', async (t) => {
  const { file, path, pass } = await opened(t, line('alice', 'wonderland') + line('bob', 'builder'));
  assert.ok(await file.verify('alice', 'wonderland'));
  await writeFile(path, line('bob', 'builder'));
  pass(5);
  assert.equal(await file.verify('alice', 'wonderland'), undefined);
  assert.ok(await file.verify('bob', 'builder'));
});

test('who is taken out of the file while the password is hashed does not come in', async (t) => {
  const path = await written(t, line('alice', 'wonderland'));
  const clock = createClock();
  const bcryptWithEdit: Pick<BcryptPool, 'verify'> = {
    async verify() {
      await writeFile(path, line('bob', 'builder'));
      clock.pass(5);
      return true;
    },
  };
  const file = await openPasswordFile(path, {
    bcrypt: bcryptWithEdit,
    log: pino({ level: 'silent' }),
    now: clock.now,
  });
  assert.equal(await file.verify('alice', 'wonderland'), undefined);
});

test('a file that Kubernetes swaps by its symbolic link is read again', async (t) => {
  const folder = await temporaryDirectory(t);
  await writeFile(join(folder, 'first'), line('alice', 'one'));
  await writeFile(join(folder, 'second'), line('alice', 'two'));
  await symlink('first', join(folder, '..data'));
  await symlink('..data', join(folder, 'htpasswd'));
  const { file, pass } = await openedAt(t, join(folder, 'htpasswd'));
  assert.ok(await file.verify('alice', 'one'));
  await symlink('second', join(folder, '..data_tmp'));
  await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  pass(5);
  assert.ok(await file.verify('alice', 'two'));
  assert.equal(await file.verify('alice', 'one'), undefined);
});

test('200 bad logins at once: threads hash, the queue ends, and the rest is refused with 429 (T24)', async (t) => {
  const pool = watchedPool(t, { threads: 1 });
  const path = await written(t, line('alice', 'wonderland', 8));
  const now = new Date();
  const file = await openPasswordFile(path, { bcrypt: pool, log: pino({ level: 'silent' }), now: () => now });
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const logins = Array.from({ length: 200 }, (_, n) =>
    file.verify(n % 2 === 0 ? 'alice' : `nobody${n}`, `guess${n}`),
  );
  const outcomes = await Promise.allSettled(logins);
  delay.disable();
  t.diagnostic(`event-loop delay meanwhile: p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms`);
  const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  assert.equal(refusals.length, 200 - 64 - 1);
  assert.ok(refusals.every((error) => isRefusal(error, 'tooManyRequests')));
  assert.equal(pool.hashed(), 65);
  assert.ok(outcomes.every((outcome) => outcome.status === 'rejected' || outcome.value === undefined));
  assert.ok(await file.verify('alice', 'wonderland'));
});

test('neither password nor hash gets into the log or into an error', async (t) => {
  const secret = 'swordfish swordfish';
  const entry = line('alice', secret);
  const { file, path, pass, lines } = await opened(t, entry);
  await file.verify('alice', secret);
  await file.verify('alice', `${secret}!`);
  await writeFile(path, `${entry}bob:${secret}\n`);
  pass(5);
  await file.verify('alice', secret);
  await rm(path);
  pass(5);
  await file.verify('alice', secret);
  const told = lines.join('');
  assert.match(told, /line 2/);
  assert.match(told, /does not exist/);
  assert.ok(!told.includes('swordfish'));
  assert.ok(!told.includes(entry.trim().slice(-31)));
});

function createClock() {
  let ms = Date.now();
  return {
    now: () => new Date(ms),
    pass(seconds: number) {
      ms += seconds * 1000;
    },
  };
}

async function written(t: TestContext, content: string): Promise<string> {
  const path = join(await temporaryDirectory(t), 'htpasswd');
  await writeFile(path, content);
  return path;
}

async function opened(t: TestContext, content: string) {
  return openedAt(t, await written(t, content));
}

/** A password file whose hashes are counted, and whose clock stands. */
async function openedAt(t: TestContext, path: string) {
  const pool = watchedPool(t);
  const hashes: BcryptHash[] = [];
  const lines: string[] = [];
  const clock = createClock();
  const file = await openPasswordFile(path, {
    bcrypt: {
      verify(password, hash) {
        hashes.push(hash);
        return pool.verify(password, hash);
      },
    },
    log: pino({ level: 'debug' }, { write: (text: string) => void lines.push(text) }),
    now: clock.now,
  });
  return { file, path, hashes, lines, pass: clock.pass };
}
