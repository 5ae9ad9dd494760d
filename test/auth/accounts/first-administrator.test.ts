// The first start: an administrator with a password for one day, and no default password ever (A27).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOUR_MS, openAccountsWorld, PASSWORD } from './open-accounts.ts';

const DAY_MS = 24 * HOUR_MS;

test('the first start makes an administrator, and no other start does', async () => {
  const { accounts, others } = openAccountsWorld();
  for (const password of ['', 'admin', 'password', 'berth', 'changeme']) {
    assert.equal(await accounts.verify('admin', password), undefined);
  }
  const first = await accounts.ensureAdministrator();
  assert.ok(first !== undefined);
  assert.equal(first.name, 'admin');
  assert.ok(first.password.length >= 24);
  assert.equal(await accounts.ensureAdministrator(), undefined);
  assert.equal(await others.ensureAdministrator(), undefined);
  const login = await others.verify('admin', first.password);
  assert.ok(login?.caller.isAdministrator);
});

test('of replicas that start together one makes the administrator', async () => {
  const { accounts, others } = openAccountsWorld();
  const made = await Promise.all([accounts.ensureAdministrator(), others.ensureAdministrator()]);
  const shown = made.filter((first) => first !== undefined);
  assert.equal(shown.length, 1);
  assert.ok(await accounts.verify('admin', shown[0]?.password ?? ''));
});

test('the first password works for a day; the next start shows another one if nobody changed it', async () => {
  const { accounts, passTime } = openAccountsWorld();
  const first = await accounts.ensureAdministrator();
  assert.ok(first !== undefined);
  passTime(DAY_MS - 1);
  assert.ok(await accounts.verify('admin', first.password));
  assert.equal(await accounts.ensureAdministrator(), undefined);
  passTime(1);
  assert.equal(await accounts.verify('admin', first.password), undefined);
  assert.equal(await accounts.describe('account', 'admin'), undefined);
  const second = await accounts.ensureAdministrator();
  assert.ok(second !== undefined);
  assert.notEqual(second.password, first.password);
  assert.ok(await accounts.verify('admin', second.password));
  assert.equal(await accounts.verify('admin', first.password), undefined);
});

test("a password of the administrator's own stays", async () => {
  const { accounts, passTime } = openAccountsWorld();
  const first = await accounts.ensureAdministrator();
  assert.ok((await accounts.users.get('admin')).passwordExpires !== undefined);
  await accounts.users.changePassword('admin', first?.password ?? '', PASSWORD);
  assert.equal((await accounts.users.get('admin')).passwordExpires, undefined);
  passTime(400 * DAY_MS);
  assert.ok(await accounts.verify('admin', PASSWORD));
  assert.equal(await accounts.ensureAdministrator(), undefined);
});

test('where somebody else can administrate, a first password that ran out stays without effect', async () => {
  const { accounts, passTime } = openAccountsWorld();
  await accounts.ensureAdministrator();
  await accounts.users.add({ name: 'alice', password: PASSWORD, isAdministrator: true });
  passTime(DAY_MS);
  assert.equal(await accounts.ensureAdministrator(), undefined);
  assert.equal(await accounts.describe('account', 'admin'), undefined);
  // And does not count as somebody who could.
  await assert.rejects(accounts.users.remove('alice'), { reason: 'lastAdministrator' });
  await accounts.users.remove('admin');
  assert.equal(await accounts.ensureAdministrator(), undefined, 'there are users');
});
