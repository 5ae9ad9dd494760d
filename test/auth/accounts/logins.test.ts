// Logins: who comes in, who does not, how soon a change counts, and what it costs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAccountName } from '../../../src/auth/accounts/account-name.ts';
import { createAccountStores } from '../../../src/auth/accounts/account-stores.ts';
import { createLogins } from '../../../src/auth/accounts/logins.ts';
import { createPasswordHashes, PASSWORD_COST } from '../../../src/auth/accounts/password-hash.ts';
import { createRememberedLogins } from '../../../src/auth/accounts/remembered-logins.ts';
import { CHEAP, HOUR_MS, openAccountsWorld, PASSWORD, refusal } from './open-accounts.ts';

test('a user comes in with the password and with nothing else', async () => {
  const { accounts } = openAccountsWorld();
  await accounts.users.add({ name: 'alice', password: PASSWORD, isAdministrator: true });
  const login = await accounts.verify('alice', PASSWORD);
  assert.deepEqual(login?.caller, { kind: 'account', name: 'alice', groups: [], isAdministrator: true });
  for (const wrong of ['', ' ', `${PASSWORD} `, PASSWORD.toUpperCase(), PASSWORD.slice(0, -1), 'alice']) {
    assert.equal(await accounts.verify('alice', wrong), undefined, wrong);
  }
  for (const name of ['', 'Alice', 'alice ', 'bob', 'robot+alice', '__proto__', 'constructor']) {
    assert.equal(await accounts.verify(name, PASSWORD), undefined, name);
  }
});

test('what is taken away is gone at once, also where it was remembered', async () => {
  const { accounts, others } = openAccountsWorld();
  await accounts.users.add({ name: 'alice', password: PASSWORD });
  const first = await accounts.verify('alice', PASSWORD);
  assert.ok(first !== undefined);
  await others.users.change('alice', { disabled: true });
  assert.equal(await accounts.verify('alice', PASSWORD), undefined);
  assert.equal(await accounts.describe('account', 'alice'), undefined);
  await others.users.change('alice', { disabled: false });
  const second = await accounts.verify('alice', PASSWORD);
  assert.ok(second !== undefined);
  assert.notEqual(second.secretVersion, first.secretVersion, 'refresh tokens from before are of no use');
  await others.users.endSessions('alice');
  const third = await accounts.describe('account', 'alice');
  assert.notEqual(third?.secretVersion, second.secretVersion);
  await others.users.setPassword('alice', 'another one');
  assert.equal(await accounts.verify('alice', PASSWORD), undefined);
  assert.notEqual((await accounts.describe('account', 'alice'))?.secretVersion, third?.secretVersion);
  await others.users.remove('alice');
  assert.equal(await accounts.verify('alice', 'another one'), undefined);
  assert.equal(await accounts.describe('account', 'alice'), undefined);
});

test('a user of the same name made later is another one', async () => {
  const { accounts } = openAccountsWorld();
  await accounts.users.add({ name: 'alice', password: PASSWORD });
  const before = await accounts.describe('account', 'alice');
  await accounts.users.remove('alice');
  await accounts.users.add({ name: 'alice', password: PASSWORD });
  assert.notEqual((await accounts.describe('account', 'alice'))?.secretVersion, before?.secretVersion);
});

test('who is disabled while the password is being hashed does not come in', async () => {
  const { accounts, driver, locks } = openAccountsWorld();
  await accounts.users.add({ name: 'alice', password: PASSWORD });
  const now = () => new Date();
  const logins = createLogins({
    stores: createAccountStores(driver, locks),
    passwords: {
      make: () => assert.fail(),
      async matches() {
        await accounts.users.change('alice', { disabled: true });
        return true;
      },
    },
    remembered: createRememberedLogins(now),
    robots: { noteUse: async () => undefined },
    now,
  });
  assert.equal(await logins.verify('alice', PASSWORD), undefined);
});

test('the own password is changed by who knows it', async () => {
  const { accounts } = openAccountsWorld();
  await accounts.users.add({ name: 'alice', password: PASSWORD });
  await assert.rejects(
    accounts.users.changePassword('alice', 'not mine at all', 'new password'),
    refusal('passwordWrong'),
  );
  const changes = ['new password 1', 'new password 2'].map((password) =>
    accounts.users.changePassword('alice', PASSWORD, password),
  );
  const done = (await Promise.allSettled(changes)).filter(({ status }) => status === 'fulfilled');
  assert.equal(done.length, 1, 'the second one no longer knew it');
  assert.equal(await accounts.verify('alice', PASSWORD), undefined);
});

test('passwords that are too short, too long or cannot be sent are refused', async () => {
  const { accounts } = openAccountsWorld();
  const bad = ['', '1234567', 'é'.repeat(7), 'x'.repeat(257), 'é'.repeat(129), 'with\nbreak', 'with\0null!'];
  for (const password of [...bad, 'alone \ud800 half', 'long-name']) {
    await assert.rejects(
      accounts.users.add({ name: 'long-name', password }),
      (error: Error & { detail?: unknown }) => {
        assert.equal(
          password === '' || `${error.message}${error.detail}`.includes(password),
          password === '',
        );
        return refusal('accountInvalid').reason === (error as { reason?: string }).reason;
      },
    );
  }
  // Each whole, and not by its first 72 bytes.
  for (const [name, password] of [
    ['a', 'x'.repeat(256)],
    ['b', 'é'.repeat(128)],
    ['c', '🔑'.repeat(8)],
  ] as const) {
    await accounts.users.add({ name, password });
    assert.ok(await accounts.verify(name, password));
    assert.equal(await accounts.verify(name, password.slice(0, password.length / 2)), undefined);
    assert.equal(await accounts.verify(name, `${password}x`), undefined);
  }
});

test('a password is the same however its letters are composed', async () => {
  const { accounts } = openAccountsWorld();
  await accounts.users.add({ name: 'alice', password: 'pâsswörd é'.normalize('NFD') });
  assert.ok(await accounts.verify('alice', 'pâsswörd é'.normalize('NFC')));
});

test('a robot comes in with its secret until it expires', async () => {
  const { accounts, passTime } = openAccountsWorld();
  const limits = [{ repositories: 'acme/**', actions: ['pull', 'push'] as const }];
  const expires = '2026-11-20T14:00:00.000Z';
  const { robot, secret } = await accounts.robots.add({ name: 'ci', limits, expires });
  assert.match(secret, /^berth_r_[A-Za-z0-9_-]{43}$/);
  assert.deepEqual(robot, {
    name: 'ci',
    login: 'robot+ci',
    created: '2026-11-20T12:00:00.000Z',
    disabled: false,
    limits: [{ repositories: 'acme/**', actions: ['pull', 'push'] }],
    expires,
  });
  const login = await accounts.verify('robot+ci', secret);
  assert.deepEqual(login?.caller, { kind: 'robot', name: 'ci', groups: [], limits: robot.limits });
  assert.equal(await accounts.verify('ci', secret), undefined);
  assert.equal(await accounts.verify('robot+ci', `${secret}x`), undefined);
  assert.equal(await accounts.verify('robot+none', secret), undefined);
  passTime(2 * HOUR_MS - 1);
  assert.ok(await accounts.verify('robot+ci', secret));
  passTime(1);
  assert.equal(await accounts.verify('robot+ci', secret), undefined);
  assert.equal(await accounts.describe('robot', 'ci'), undefined);
  await accounts.robots.change('ci', { expires: null });
  assert.ok(await accounts.verify('robot+ci', secret));
});

test('a robot is disabled, gets another secret and is removed at once', async () => {
  const { accounts, others } = openAccountsWorld();
  const limits = [{ repositories: '**', actions: ['pull'] as const }];
  const { secret } = await accounts.robots.add({ name: 'ci', limits });
  const version = (await accounts.verify('robot+ci', secret))?.secretVersion;
  await others.robots.change('ci', { disabled: true });
  assert.equal(await accounts.verify('robot+ci', secret), undefined);
  await others.robots.change('ci', { disabled: false });
  assert.notEqual((await accounts.verify('robot+ci', secret))?.secretVersion, version);
  const rotated = await others.robots.rotate('ci');
  assert.equal(await accounts.verify('robot+ci', secret), undefined);
  assert.ok(await accounts.verify('robot+ci', rotated));
  await others.robots.remove('ci');
  assert.equal(await accounts.verify('robot+ci', rotated), undefined);
});

test('limits that cannot be meant are refused', async () => {
  const { accounts } = openAccountsWorld();
  const actions = ['pull'] as const;
  for (const limits of [
    [],
    [{ repositories: '', actions }],
    [{ repositories: 'UPPER', actions }],
    [{ repositories: '$'.concat('{user}/**'), actions }],
    [{ repositories: 'acme/**', actions: [] }],
    Array.from({ length: 65 }, () => ({ repositories: '**', actions })),
  ]) {
    await assert.rejects(accounts.robots.add({ name: 'ci', limits }), refusal('accountInvalid'));
  }
  const limits = [{ repositories: '**', actions }];
  for (const expires of ['2026-11-20T12:00:00Z', 'soon', '']) {
    await assert.rejects(accounts.robots.add({ name: 'ci', limits, expires }), refusal('accountInvalid'));
  }
  await accounts.robots.add({ name: 'ci', limits });
  await assert.rejects(accounts.robots.change('ci', { limits: [] }), refusal('accountInvalid'));
});

test('the last use of a robot is noted once an hour, and its loss hurts nobody', async () => {
  const { accounts, passTime, driver } = openAccountsWorld();
  const { secret } = await accounts.robots.add({
    name: 'ci',
    limits: [{ repositories: '**', actions: ['pull'] }],
  });
  const lastUsed = async () => (await accounts.robots.get('ci')).lastUsed;
  assert.equal(await lastUsed(), undefined);
  await accounts.verify('robot+ci', 'wrong');
  assert.equal(await lastUsed(), undefined);
  await accounts.verify('robot+ci', secret);
  assert.equal(await lastUsed(), '2026-11-20T12:00:00.000Z');
  passTime(HOUR_MS - 1);
  await accounts.verify('robot+ci', secret);
  assert.equal(await lastUsed(), '2026-11-20T12:00:00.000Z');
  passTime(1);
  await accounts.verify('robot+ci', secret);
  assert.equal(await lastUsed(), '2026-11-20T13:00:00.000Z');
  await driver.write('docker/registry/berth/auth/robot-use/ci', Buffer.from('torn'));
  assert.equal(await lastUsed(), undefined);
  assert.ok(await accounts.verify('robot+ci', secret));
});

test('nothing of a secret is kept in the clear', async () => {
  const { accounts, everythingKept } = openAccountsWorld();
  const first = await accounts.ensureAdministrator();
  await accounts.users.add({ name: 'alice', password: PASSWORD });
  const limits = [{ repositories: '**', actions: ['pull'] as const }];
  const { secret } = await accounts.robots.add({ name: 'ci', limits });
  await accounts.verify('alice', PASSWORD);
  await accounts.verify('robot+ci', secret);
  const kept = await everythingKept();
  assert.ok(kept.includes('alice') && kept.includes('robot-use/ci'));
  for (const text of [PASSWORD, secret, secret.slice(8), first?.password ?? '-']) {
    assert.ok(!kept.includes(text));
    assert.ok(!kept.includes(Buffer.from(text).toString('base64').slice(0, -3)));
  }
});

test('a password of the registry costs what is recommended, and one of nobody costs the same', async () => {
  const queue = countingQueue();
  const passwords = createPasswordHashes(queue, PASSWORD_COST);
  const kept = await passwords.make(PASSWORD, parseAccountName('alice'));
  assert.deepEqual([kept.N, kept.r, kept.p], [32768, 8, 3]);
  assert.ok(await passwords.matches(PASSWORD, kept));
  assert.equal(await passwords.matches('wrong one', kept), false);
  assert.equal(await passwords.matches(PASSWORD, undefined), false);
  assert.equal(queue.count, 4);
  // The one that nobody can have is not hashed for anybody.
  assert.equal(await passwords.matches('x'.repeat(257), kept), false);
  assert.equal(await passwords.matches('x'.repeat(257), undefined), false);
  assert.equal(queue.count, 4);
});

test('the same login, fifty times at once, is hashed once, whether the name is known or not', async () => {
  const queue = countingQueue();
  const passwords = createPasswordHashes(queue, CHEAP);
  const kept = await passwords.make(PASSWORD, parseAccountName('alice'));
  for (const [name, hash] of [
    ['alice', kept],
    ['nobody', undefined],
  ] as const) {
    const remembered = createRememberedLogins(() => new Date());
    queue.count = 0;
    const check = (secret: string) =>
      remembered.check(name, 'v1', secret, () => passwords.matches(secret, hash));
    await Promise.all(Array.from({ length: 50 }, () => check('wrong one')));
    assert.equal(queue.count, 1, name);
    await check('wrong one');
    assert.equal(queue.count, 2, `${name}: a wrong password is not remembered`);
  }
});

test('a login that was right is remembered for a minute, for its version alone', async () => {
  let time = 0;
  const remembered = createRememberedLogins(() => new Date(time));
  const check = (version: string, isRight: boolean) =>
    remembered.check('alice', version, PASSWORD, async () => isRight);
  assert.equal(await check('v1', true), 'proved');
  assert.equal(await check('v1', false), 'remembered');
  assert.equal(await check('v2', false), 'wrong');
  time = 59_999;
  assert.equal(await check('v1', false), 'remembered');
  time = 60_000;
  assert.equal(await check('v1', false), 'wrong');
});

test('more logins than can wait are told to come again', async () => {
  const { accounts } = openAccountsWorld();
  await accounts.users.add({ name: 'alice', password: PASSWORD });
  const logins = Array.from({ length: 100 }, (_, index) => accounts.verify('alice', `wrong one ${index}`));
  const results = await Promise.allSettled(logins);
  const refused = results.filter((result) => result.status === 'rejected');
  assert.equal(refused.length, 100 - 66);
  for (const { reason } of refused) assert.equal(reason.reason, 'tooManyRequests');
  assert.ok(await accounts.verify('alice', PASSWORD), 'and afterwards everybody comes in again');
});

/** Counts the hashes. */
function countingQueue() {
  return {
    count: 0,
    run<T>(work: () => Promise<T>): Promise<T> {
      this.count += 1;
      return work();
    },
  };
}
