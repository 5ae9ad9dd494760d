// The admin API: who may ask for what, and what no request can bring about.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import request from 'supertest';
import { operations } from '../../src/http/handlers/admin/operations.ts';
import { PASSWORD } from '../auth/accounts/open-accounts.ts';
import { ALICE, openAdminApp, ROOT } from '../support/admin-app.ts';

const LIMITS = [{ repositories: 'acme/**', actions: ['pull', 'push'] }];

test('accounts are made, seen, changed and removed', async () => {
  const { send, accounts } = await openAdminApp();
  assert.equal((await send(ROOT, 'post', '/groups', { name: 'team' })).status, 201);
  const bob = { name: 'bob', password: PASSWORD, groups: ['team'] };
  const made = await send(ROOT, 'post', '/users', bob);
  assert.equal(made.status, 201);
  assert.deepEqual(made.body, await accounts.users.get('bob'));
  assert.equal((await send(ROOT, 'post', '/users', bob)).status, 409);
  const changed = await send(ROOT, 'patch', '/users/bob', { isAdministrator: true });
  assert.deepEqual([changed.status, changed.body.isAdministrator], [200, true]);
  assert.equal((await send(ROOT, 'put', '/users/bob/password', { password: 'another one' })).status, 204);
  assert.ok(await accounts.verify('bob', 'another one'));
  assert.equal((await send(ROOT, 'put', '/groups/team/members/alice')).status, 204);
  assert.deepEqual((await send(ROOT, 'get', '/groups/team')).body.members, ['alice', 'bob']);
  assert.equal((await send(ROOT, 'delete', '/groups/team/members/bob')).status, 204);
  assert.equal((await send(ROOT, 'delete', '/groups/team')).status, 204);
  assert.deepEqual((await send(ROOT, 'get', '/users/alice')).body.groups, []);
  assert.equal((await send(ROOT, 'delete', '/users/bob')).status, 204);
  assert.equal((await send(ROOT, 'get', '/users/bob')).status, 404);
  assert.equal((await send(ROOT, 'delete', '/users/root')).status, 409);
});

test('the secret of a robot is in the answer that makes it, and in no other', async () => {
  const { send, accounts } = await openAdminApp();
  const made = await send(ROOT, 'post', '/robots', { name: 'ci', limits: LIMITS });
  assert.equal(made.status, 201);
  const { secret, login } = made.body;
  assert.ok(await accounts.verify(login, secret));
  const rotated = await send(ROOT, 'post', '/robots/ci/secret', {});
  assert.equal(rotated.status, 200);
  assert.notEqual(rotated.body.secret, secret);
  assert.equal(await accounts.verify(login, secret), undefined);
  assert.ok(await accounts.verify(login, rotated.body.secret));
  for (const answer of [
    await send(ROOT, 'get', '/robots'),
    await send(ROOT, 'get', '/robots/ci'),
    await send(ROOT, 'patch', '/robots/ci', { disabled: true }),
    await send(ROOT, 'get', '/users'),
    await send(ROOT, 'get', '/users/root'),
    await send(ROOT, 'get', '/whoami'),
  ]) {
    assert.equal(answer.status, 200);
    assert.ok(!/secret|password|hash|salt|scrypt|berth_r_/i.test(answer.text), answer.text);
    assert.equal(answer.headers['cache-control'], 'no-store');
  }
});

for (const [id, { method, path, who }] of Object.entries(operations)) {
  if (who !== 'administrator') continue;
  test(`${id} is for administrators alone, whether there is such an account or not`, async () => {
    const { send, acts, accounts } = await openAdminApp();
    const limits = [{ repositories: '**', actions: ['admin'] as const }];
    const { secret } = await accounts.robots.add({ name: 'ci', limits });
    const body = method === 'get' || method === 'delete' ? undefined : { password: 'x', admin: true };
    for (const name of ['root', 'alice', 'nobody']) {
      const there = path.replaceAll(/\{\w+\}/g, name);
      assert.equal((await send('', method, there, body)).status, 401);
      assert.equal((await send('root:wrong one', method, there, body)).status, 401);
      const refused = await send(ALICE, method, there, body);
      assert.deepEqual([refused.status, refused.body.errors[0].code], [403, 'DENIED']);
      assert.equal((await send(`robot+ci:${secret}`, method, there, body)).status, 403);
      const scoped = await send(ROOT, method, there, body, 'scoped');
      assert.equal(scoped.status, 401, 'a token of limited scope is no administrator');
    }
    assert.deepEqual(acts, []);
  });
}

test('fields that nobody offered are refused, and change nothing', async () => {
  const { send, everythingKept } = await openAdminApp();
  const before = await everythingKept();
  const user = { name: 'eve', password: PASSWORD };
  const bodies = [
    { ...user, admin: true },
    { ...user, role: 'administrator' },
    { ...user, is_administrator: true },
    { ...user, secretVersion: 'mine' },
    { ...user, created: '2020-01-01T00:00:00Z' },
    { ...user, isAdministrator: 'yes' },
    { ...user, isAdministrator: 1 },
    { ...user, groups: 'team' },
    { ...user, constructor: { prototype: { isAdministrator: true } } },
    { name: 'eve' },
    { name: ['eve'], password: PASSWORD },
    [user],
    null,
    'text',
  ];
  for (const body of bodies) {
    assert.equal((await send(ROOT, 'post', '/users', body)).status, 400, JSON.stringify(body));
  }
  for (const change of [{ name: 'root' }, { password: PASSWORD }, { admin: true }, { disabled: null }]) {
    assert.equal((await send(ROOT, 'patch', '/users/alice', change)).status, 400, JSON.stringify(change));
  }
  const own = { currentPassword: PASSWORD, newPassword: 'another one', isAdministrator: true };
  assert.equal((await send(ALICE, 'put', '/me/password', own)).status, 400);
  assert.equal(await everythingKept(), before);
});

test('JSON with two readings, and what is no JSON, is refused without a word of it', async () => {
  const { app, everythingKept } = await openAdminApp();
  const before = await everythingKept();
  for (const text of [
    '{"name":"eve","password":"hunter-2-secret","__proto__":{"isAdministrator":true}}',
    '{"name":"eve","name":"eve2","password":"hunter-2-secret"}',
    '{"name":"eve","password":"hunter-2-secret"',
    '{"name":"eve","password":hunter-2-secret}',
    '{"name":"eve","password":["hunter-2-secret"]}',
    '\ufeff{"name":"eve","password":"hunter-2-secret"}',
    '',
  ]) {
    const answer = await request(app.callback())
      .post('/registry/berth/v1/users')
      .set('Authorization', `Basic ${btoa(ROOT)}`)
      .set('Content-Type', 'application/json')
      .send(text);
    assert.equal(answer.status, 400, text);
    assert.ok(!answer.text.includes('hunter'), answer.text);
  }
  assert.equal(await everythingKept(), before);
});

test('a body is taken as JSON alone, and not before it is known who sends it', async () => {
  const { app } = await openAdminApp();
  const post = (as: string, type: string, body: string) =>
    request(app.callback())
      .post('/registry/berth/v1/users')
      .set('Authorization', `Basic ${btoa(as)}`)
      .set('Content-Type', type)
      .send(body);
  const body = JSON.stringify({ name: 'eve', password: PASSWORD });
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx', 'x/y']) {
    assert.equal((await post(ROOT, type, body)).status, 415, type);
  }
  assert.equal((await post(ALICE, 'text/plain', 'x'.repeat(20_000))).status, 403);
  assert.equal((await post(ROOT, 'application/json; charset=utf-8', body)).status, 201);
});

test('a body of more than 16 KiB is refused before it is read', async () => {
  const { app } = await openAdminApp();
  const post = () =>
    request(app.callback())
      .post('/registry/berth/v1/users')
      .set('Authorization', `Basic ${btoa(ROOT)}`)
      .set('Content-Type', 'application/json');
  const whole = await post().send(JSON.stringify({ name: 'eve', password: 'x'.repeat(16 * 1024) }));
  assert.equal(whole.status, 413);
  const chunked = post().set('Transfer-Encoding', 'chunked');
  for (let chunk = 0; chunk < 3; chunk += 1) chunked.write('x'.repeat(8 * 1024));
  assert.equal((await chunked).status, 413);
});

test('lists come in pages that lead to one another', async () => {
  const { send } = await openAdminApp();
  const first = await send(ROOT, 'get', '/users?n=1');
  assert.deepEqual(
    first.body.users.map(({ name }: { name: string }) => name),
    ['alice'],
  );
  assert.equal(first.headers['link'], '</registry/berth/v1/users?last=alice&n=1>; rel="next"');
  const second = await send(ROOT, 'get', '/users?last=alice&n=1');
  assert.equal(second.body.users[0].name, 'root');
  assert.equal(second.headers['link'], undefined);
  for (const query of ['n=x', 'n=-1', 'n=1&n=2', 'q=password%3D~$2b', 'sort=secret', 'name=*', 'N=1']) {
    assert.equal((await send(ROOT, 'get', `/users?${query}`)).status, 400, query);
  }
  for (const last of ['*', "'", '%00', '..%2f', '~']) {
    assert.equal((await send(ROOT, 'get', `/users?last=${last}`)).status, 200, last);
  }
});

test('names that could be something else are unknown', async () => {
  const { send } = await openAdminApp();
  for (const name of [
    '%2e%2e%2fgroups',
    '..%2Frobots%2Fci',
    'ROOT',
    '%00',
    '*',
    'a'.repeat(300),
    '__proto__',
  ]) {
    assert.equal((await send(ROOT, 'get', `/users/${name}`)).status, 404, name);
    assert.equal((await send(ROOT, 'delete', `/robots/${name}`)).status, 404, name);
  }
});

test('everybody learns who they are, and changes their own password alone', async () => {
  const { send, accounts } = await openAdminApp();
  assert.deepEqual((await send(ALICE, 'get', '/whoami')).body, {
    kind: 'account',
    name: 'alice',
    groups: [],
    isAdministrator: false,
  });
  assert.equal((await send('', 'get', '/whoami')).status, 401);
  const change = { currentPassword: PASSWORD, newPassword: 'another one' };
  assert.equal((await send('', 'put', '/me/password', change)).status, 401);
  assert.equal((await send(ALICE, 'put', '/me/password', change, 'scoped')).status, 401);
  const wrong = { ...change, currentPassword: 'not this one' };
  assert.equal((await send(ALICE, 'put', '/me/password', wrong)).status, 403);
  assert.equal((await send(ALICE, 'put', '/me/password', { ...change, newPassword: 'short' })).status, 400);
  assert.equal((await send(ALICE, 'put', '/me/password', change)).status, 204);
  assert.equal(await accounts.verify('alice', PASSWORD), undefined);
  assert.ok(await accounts.verify('alice', 'another one'));
  assert.ok(await accounts.verify('root', PASSWORD));
});

test('a robot learns who it is, and has no password to change', async () => {
  const { send, accounts } = await openAdminApp();
  const limits = [{ repositories: '**', actions: ['pull'] as const }];
  const { robot, secret } = await accounts.robots.add({ name: 'alice', limits });
  const as = `${robot.login}:${secret}`;
  const { kind, name } = (await send(as, 'get', '/whoami')).body;
  assert.deepEqual([kind, name], ['robot', 'alice']);
  const change = { currentPassword: secret, newPassword: 'another one' };
  assert.equal((await send(as, 'put', '/me/password', change)).status, 403);
  assert.equal((await send(as, 'post', '/tokens/revoke', { user: 'alice' })).status, 403);
});

test('tokens are ended by who holds them, and those of an account by it or an administrator', async () => {
  const { send, accounts, revoked } = await openAdminApp();
  const version = async (name: string) => (await accounts.describe('account', name))?.secretVersion;
  assert.equal((await send('', 'post', '/tokens/revoke', { token: 'some-token' })).status, 401);
  assert.equal((await send(ALICE, 'post', '/tokens/revoke', { token: 'some-token' })).status, 204);
  assert.deepEqual(revoked, ['some-token']);
  const [alice, root] = [await version('alice'), await version('root')];
  assert.equal((await send(ALICE, 'post', '/tokens/revoke', { user: 'root' })).status, 403);
  assert.equal((await send(ALICE, 'post', '/tokens/revoke', { user: 'nobody' })).status, 403);
  assert.equal((await send(ALICE, 'post', '/tokens/revoke', { robot: 'ci' })).status, 403);
  assert.equal(await version('root'), root);
  assert.equal((await send(ALICE, 'post', '/tokens/revoke', { user: 'alice' })).status, 204);
  assert.notEqual(await version('alice'), alice);
  assert.equal((await send(ROOT, 'post', '/tokens/revoke', { user: 'root' })).status, 204);
  assert.notEqual(await version('root'), root);
  assert.equal((await send(ROOT, 'post', '/tokens/revoke', { robot: 'ci' })).status, 404);
  assert.equal((await send(ROOT, 'post', '/tokens/revoke', { user: 'root', robot: 'ci' })).status, 400);
});

test('every change is told to the audit log, with names and without secrets', async () => {
  const { send, acts } = await openAdminApp();
  await send(ROOT, 'post', '/users', { name: 'bob', password: 'hunter-2-secret' });
  await send(ROOT, 'put', '/users/bob/password', { password: 'hunter-3-secret' });
  await send(ROOT, 'post', '/users', { name: 'bob', password: 'hunter-4-secret' });
  await send(ROOT, 'get', '/users');
  await send(ALICE, 'post', '/tokens/revoke', { token: 'hunter-5-secret' });
  await send(ROOT, 'delete', '/users/bob');
  assert.deepEqual(
    acts.map(({ act, by, about }) => [act, by.name, ...about]),
    [
      ['addUser', 'root', 'bob'],
      ['setPassword', 'root', 'bob'],
      ['revokeTokens', 'alice'],
      ['removeUser', 'root', 'bob'],
    ],
  );
  assert.ok(!JSON.stringify(acts).includes('hunter'));
});
