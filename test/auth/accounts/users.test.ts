// Users and groups: made, changed, removed, and always with somebody left who can let others in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authKey } from '../../../src/registry/layout.ts';
import { openAccountsWorld, PASSWORD, refusal } from './open-accounts.ts';

test('a user is made, shown, changed and removed', async () => {
  const { accounts } = openAccountsWorld();
  await accounts.groups.add('team');
  const made = await accounts.users.add({ name: 'alice', password: PASSWORD, groups: ['team', 'team'] });
  assert.deepEqual(made, {
    name: 'alice',
    created: '2026-11-20T12:00:00.000Z',
    disabled: false,
    isAdministrator: false,
    groups: ['team'],
  });
  assert.deepEqual(await accounts.users.get('alice'), made);
  await assert.rejects(
    accounts.users.add({ name: 'alice', password: 'another one' }),
    refusal('accountExists'),
  );
  const changed = await accounts.users.change('alice', { disabled: true, groups: [] });
  assert.deepEqual(changed, { ...made, disabled: true, groups: [] });
  await accounts.users.remove('alice');
  await assert.rejects(accounts.users.get('alice'), refusal('accountUnknown'));
  await assert.rejects(accounts.users.remove('alice'), refusal('accountUnknown'));
});

test('two sets of accounts on one store agree at once', async () => {
  const { accounts, others } = openAccountsWorld();
  await accounts.users.add({ name: 'alice', password: PASSWORD });
  assert.equal((await others.verify('alice', PASSWORD))?.caller.name, 'alice');
  await others.users.setPassword('alice', 'another one');
  assert.equal(await accounts.verify('alice', PASSWORD), undefined);
  assert.ok(await accounts.verify('alice', 'another one'));
});

test('names that could be something else are refused', async () => {
  const { accounts } = openAccountsWorld();
  for (const name of ['', 'Alice', '-a', '.a', 'a/b', '../a', 'robot+a', 'a b', 'ä', 'a\n', 'a'.repeat(64)]) {
    await assert.rejects(accounts.users.add({ name, password: PASSWORD }), refusal('accountInvalid'), name);
    await assert.rejects(accounts.groups.add(name), refusal('accountInvalid'), name);
    await assert.rejects(accounts.users.get(name), refusal('accountUnknown'), name);
    assert.equal(await accounts.verify(name, PASSWORD), undefined, name);
    assert.equal(await accounts.describe('account', name), undefined, name);
  }
  for (const name of ['a', '0', 'a.b_c-d', 'a'.repeat(63)]) {
    await accounts.users.add({ name, password: PASSWORD });
    assert.ok(await accounts.verify(name, PASSWORD), name);
  }
});

test('lists come in pages, in the order of names', async () => {
  const { accounts } = openAccountsWorld();
  for (const name of ['c', 'a', 'b']) await accounts.users.add({ name, password: PASSWORD });
  const first = await accounts.users.page(2);
  assert.deepEqual([first.entries.map(({ name }) => name), first.more], [['a', 'b'], true]);
  const second = await accounts.users.page(2, 'b');
  assert.deepEqual([second.entries.map(({ name }) => name), second.more], [['c'], false]);
  assert.deepEqual(await accounts.users.page(0), { entries: [], more: false });
});

test('the last administrator can be neither removed nor disabled nor made an ordinary user', async () => {
  const { accounts } = openAccountsWorld();
  await accounts.users.add({ name: 'root', password: PASSWORD, isAdministrator: true });
  await accounts.users.add({ name: 'alice', password: PASSWORD });
  await assert.rejects(accounts.users.remove('root'), refusal('lastAdministrator'));
  await assert.rejects(accounts.users.change('root', { disabled: true }), refusal('lastAdministrator'));
  await assert.rejects(
    accounts.users.change('root', { isAdministrator: false }),
    refusal('lastAdministrator'),
  );
  await accounts.users.change('alice', { isAdministrator: true, disabled: true });
  // A second administrator who cannot come in is none.
  await assert.rejects(accounts.users.remove('root'), refusal('lastAdministrator'));
  await accounts.users.change('alice', { disabled: false });
  await accounts.users.remove('root');
});

test('of two administrators that remove each other at the same time one stays', async () => {
  for (let round = 0; round < 20; round += 1) {
    const { accounts, others } = openAccountsWorld();
    for (const name of ['a', 'b'])
      await accounts.users.add({ name, password: PASSWORD, isAdministrator: true });
    const results = await Promise.allSettled([accounts.users.remove('a'), others.users.remove('b')]);
    assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    assert.equal((await accounts.users.page(5)).entries.length, 1);
  }
});

test('of many that make one user at the same time one does', async () => {
  const { accounts, others } = openAccountsWorld();
  const attempts = Array.from({ length: 10 }, (_, index) =>
    (index % 2 ? accounts : others).users.add({ name: 'alice', password: `password ${index}` }),
  );
  const made = (await Promise.allSettled(attempts)).map(({ status }) => status === 'fulfilled');
  assert.equal(made.filter((isMade) => isMade).length, 1);
  assert.ok(await accounts.verify('alice', `password ${made.indexOf(true)}`));
});

test('changes of one user at the same time do not undo one another', async () => {
  const { accounts, others } = openAccountsWorld();
  await accounts.users.add({ name: 'alice', password: PASSWORD });
  const names = Array.from({ length: 10 }, (_, index) => `group-${index}`);
  for (const name of names) await accounts.groups.add(name);
  await Promise.all([
    ...names.map((name, index) => (index % 2 ? accounts : others).groups.join(name, 'alice')),
    accounts.users.change('alice', { isAdministrator: true }),
  ]);
  const alice = await accounts.users.get('alice');
  assert.deepEqual(alice.groups, names);
  assert.ok(alice.isAdministrator);
});

test('a group has members, and a new one of the same name does not have those of the old one', async () => {
  const { accounts } = openAccountsWorld();
  await accounts.users.add({ name: 'alice', password: PASSWORD });
  await accounts.users.add({ name: 'bob', password: PASSWORD });
  await assert.rejects(accounts.groups.join('team', 'alice'), refusal('accountUnknown'));
  await assert.rejects(accounts.users.change('alice', { groups: ['team'] }), refusal('accountUnknown'));
  await accounts.groups.add('team');
  await assert.rejects(accounts.groups.add('team'), refusal('accountExists'));
  await assert.rejects(accounts.groups.join('team', 'nobody'), refusal('accountUnknown'));
  for (const name of ['bob', 'alice', 'alice']) await accounts.groups.join('team', name);
  assert.deepEqual((await accounts.groups.get('team')).members, ['alice', 'bob']);
  assert.deepEqual((await accounts.verify('alice', PASSWORD))?.caller.groups, ['team']);
  await accounts.groups.leave('team', 'bob');
  assert.deepEqual((await accounts.groups.get('team')).members, ['alice']);
  assert.deepEqual([...(await accounts.groups.names())], ['team']);
  await accounts.groups.remove('team');
  assert.deepEqual((await accounts.verify('alice', PASSWORD))?.caller.groups, []);
  await accounts.groups.add('team');
  assert.deepEqual((await accounts.groups.get('team')).members, []);
});

test('a record that is damaged, or not in its own place, lets nobody in', async () => {
  const { accounts, driver } = openAccountsWorld();
  await accounts.users.add({ name: 'alice', password: PASSWORD });
  const record = Buffer.from(await driver.read(authKey('users', 'alice'))).toString();
  for (const bad of [
    '',
    '{}',
    record.slice(0, -1),
    record.replace('"version":1', '"version":2'),
    record.replace('{', '{"more":true,'),
    record.replace('"alice"', '"bob"'),
    record.replace(/"N":\d+/, '"N":1073741824'),
  ]) {
    await driver.write(authKey('users', 'alice'), Buffer.from(bad));
    await assert.rejects(accounts.verify('alice', PASSWORD), { name: 'AccountRecordError' }, bad);
  }
});
