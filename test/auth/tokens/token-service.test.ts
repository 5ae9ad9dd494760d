import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import jsonwebtoken from 'jsonwebtoken';
import { type Action, ANONYMOUS, type Caller } from '../../../src/auth/caller.ts';
import type { Permit } from '../../../src/auth/permit.ts';
import { CATALOG, parseScopes } from '../../../src/auth/tokens/scope.ts';
import { openSigningKeys } from '../../../src/auth/tokens/signing-keys.ts';
import { createTokenService, type Proof } from '../../../src/auth/tokens/token-service.ts';
import { AUTH } from '../../../src/registry/layout.ts';
import { parseRepositoryName } from '../../../src/registry/name.ts';
import { createMemoryDriver } from '../../../storage-drivers/memory/memory-driver.ts';
import { claims, encode, makeEc, NOW, seconds, signParts } from './tokens-for-tests.ts';

const alice: Caller = { kind: 'account', name: 'alice', groups: ['dev'] };
const app = parseRepositoryName('a/app');
const other = parseRepositoryName('b/other');
/** By caller and repository; whoever is not in it may nothing. */
const ALLOWED: Readonly<Record<string, Readonly<Record<string, readonly Action[]>>>> = {
  alice: { 'a/app': ['pull', 'push', 'overwrite'], 'a/read': ['pull'] },
  creator: { 'a/app': ['pull', 'push'] },
  root: { 'a/app': ['pull', 'push', 'overwrite', 'delete', 'admin'] },
};

function permitOf(caller: Caller): Permit {
  const may = (action: Action, repository: string) =>
    ALLOWED[caller.name]?.[repository]?.includes(action) ?? false;
  return { caller, may, mayList: caller.kind !== 'anonymous', maySee: () => false, couldBeBetter: false };
}

async function makeServices() {
  const driver = createMemoryDriver();
  let time = NOW.getTime();
  const now = () => new Date(time);
  const accounts = new Map<string, Proof>([['account:alice', { caller: alice, secretVersion: 'v1' }]]);
  const keys = await openSigningKeys({ driver, tokenLife: 300, now });
  const make = (changes: { readonly service?: string; readonly issuer?: string } = {}) =>
    createTokenService({
      keys,
      driver,
      permitOf,
      describe: async (kind, name) => accounts.get(`${kind}:${name}`),
      issuer: 'https://registry.test',
      service: 'registry.test',
      tokenLife: 300,
      refreshLife: 3600,
      now,
      ...changes,
    });
  return {
    service: make(),
    make,
    keys,
    driver,
    accounts,
    pass: (s: number) => {
      time += s * 1000;
    },
  };
}

const proof: Proof = { caller: alice, secretVersion: 'v1' };
const pushScope = parseScopes(['repository:a/app:pull,push']);

describe('an access token', () => {
  test('allows what was asked for as far as it is allowed, and no more', async () => {
    const { service } = await makeServices();
    const scopes = parseScopes([
      'repository:a/app:pull,delete repository:b/other:pull repository:a/read:pull,push',
    ]);
    const answer = await service.issue(proof, scopes);
    assert.equal(answer.scope, 'repository:a/app:pull repository:a/read:pull');
    assert.equal(answer.access_token, answer.token);
    assert.equal(answer.expires_in, 300);
    assert.equal(answer.issued_at, NOW.toISOString());
    assert.equal(answer.refresh_token, undefined);
    const permit = await service.permit(answer.token);
    assert.equal(permit?.may('pull', app), true);
    for (const action of ['push', 'overwrite', 'delete', 'admin'] as const) {
      assert.equal(permit?.may(action, app), false, action);
    }
    assert.equal(permit?.may('pull', other), false);
    assert.equal(permit?.mayList, false);
    assert.equal(permit?.couldBeBetter, true);
  });

  test('tells who the caller is', async () => {
    const { service } = await makeServices();
    const callers: Caller[] = [
      ANONYMOUS,
      { ...alice, isAdministrator: true },
      { kind: 'robot', name: 'ci', groups: [], limits: [{ repositories: 'a/*', actions: ['pull'] }] },
      { kind: 'federated', name: 'repo:a/b', groups: [], issuer: 'github' },
    ];
    for (const caller of callers) {
      const { token } = await service.issue({ caller }, []);
      assert.deepEqual((await service.permit(token))?.caller, caller);
    }
  });

  test('leaves the claims of an outside issuer behind', async () => {
    const { service } = await makeServices();
    const caller: Caller = {
      kind: 'federated',
      name: 'x',
      groups: [],
      issuer: 'gitlab',
      claims: { email: 'x@y.test' },
    };
    const { token } = await service.issue({ caller }, []);
    assert.equal(JSON.stringify(jsonwebtoken.decode(token)).includes('x@y.test'), false);
    assert.equal((await service.permit(token))?.caller.name, 'x');
  });

  test('to push moves tags as well, if the caller may', async () => {
    const { service } = await makeServices();
    for (const [name, mayOverwrite, mayAdmin] of [
      ['alice', true, false],
      ['creator', false, false],
      ['root', true, true],
    ] as const) {
      const { token } = await service.issue({ caller: { ...alice, name } }, pushScope);
      const permit = await service.permit(token);
      assert.equal(permit?.may('push', app), true);
      assert.equal(permit?.may('overwrite', app), mayOverwrite, name);
      assert.equal(permit?.may('admin', app), mayAdmin, name);
      assert.equal(permit?.may('delete', app), false, 'which was not asked for');
    }
    const { scope } = await service.issue(
      { caller: { ...alice, name: 'root' } },
      parseScopes(['repository:a/app:*']),
    );
    assert.equal(scope, 'repository:a/app:pull,push,overwrite,delete,admin');
  });

  test('to list shows what the caller may pull, and allows to pull none of it', async () => {
    const { service } = await makeServices();
    const { token } = await service.issue(proof, [CATALOG]);
    const permit = await service.permit(token);
    assert.equal(permit?.mayList, true);
    assert.equal(permit?.maySee(app), true);
    assert.equal(permit?.maySee(other), false);
    assert.equal(permit?.may('pull', app), false);
    const stranger = await service.permit((await service.issue({ caller: ANONYMOUS }, [CATALOG])).token);
    assert.equal(stranger?.mayList, false);
    assert.equal(stranger?.maySee(app), false);
  });

  test('is for nothing that is no repository', async () => {
    const { service } = await makeServices();
    const root = { caller: { ...alice, name: 'root' } };
    const scopes = parseScopes([
      'repository:localhost:5000/a/app:pull',
      'repository:../a:pull',
      'registry:other:*',
    ]);
    assert.equal((await service.issue(root, scopes)).scope, '');
  });

  test('is refused when it would be longer than it may be', async () => {
    const { service } = await makeServices();
    const groups = Array.from({ length: 500 }, (_, at) => `a-group-with-a-long-name-${at}`);
    await assert.rejects(service.issue({ caller: { ...alice, groups } }, []), { reason: 'parameterInvalid' });
  });

  test('dies when its time is over, also one that was seen before', async () => {
    const { service, pass } = await makeServices();
    const { token } = await service.issue(proof, pushScope);
    assert.notEqual(await service.permit(token), undefined);
    pass(359);
    assert.notEqual(await service.permit(token), undefined);
    pass(1);
    assert.equal(await service.permit(token), undefined);
  });

  test('that was seen before costs no second look at its signature', async () => {
    const { service } = await makeServices();
    const { token } = await service.issue(proof, pushScope);
    assert.equal(await service.permit(token), await service.permit(token));
  });

  test('dies within half a minute of its key, also one that was seen before (T18)', async () => {
    const { service, keys, pass } = await makeServices();
    const { token } = await service.issue(proof, pushScope);
    assert.notEqual(await service.permit(token), undefined);
    await keys.remove((await keys.signer()).kid);
    pass(30);
    assert.equal(await service.permit(token), undefined);
  });

  test('is good on every replica, and at no other service or issuer (T13)', async () => {
    const { service, make } = await makeServices();
    const { token } = await service.issue(proof, pushScope);
    assert.notEqual(await make().permit(token), undefined);
    assert.equal(await make({ service: 'other.test' }).permit(token), undefined);
    assert.equal(await make({ issuer: 'https://other.test' }).permit(token), undefined);
  });

  test('of ours has our claims in it, whoever signed it with our key', async () => {
    const { service, keys } = await makeServices();
    const { kid, privateKey } = await keys.signer();
    const header = { alg: 'ES256', typ: 'JWT', kid };
    const body = claims({
      iss: 'https://registry.test',
      berth: { kind: 'account', name: 'alice', groups: [] },
    });
    assert.notEqual(await service.permit(signParts(header, body, privateKey)), undefined);
    for (const changes of [
      { berth: undefined },
      { berth: { kind: 'outsider', name: 'x', groups: [] } },
      { berth: { kind: 'account', name: 'alice' } },
      { berth: { kind: 'account', name: 'alice', groups: [], role: 'admin' } },
      { access: 'all' },
      { access: [{ type: 'repository', name: 'a/app' }] },
    ]) {
      assert.equal(await service.permit(signParts(header, { ...body, ...changes }, privateKey)), undefined);
    }
  });

  test('of somebody else is nothing', async () => {
    const { service, keys } = await makeServices();
    const { kid } = await keys.signer();
    const faults: string[] = [];
    const body = claims({ iss: 'https://registry.test', exp: seconds + 100 });
    const forged = signParts({ alg: 'ES256', kid }, body, makeEc().privateKey);
    const nameless = signParts({ alg: 'ES256' }, body, makeEc().privateKey);
    for (const token of [
      forged,
      nameless,
      '',
      'x',
      'x'.repeat(2 ** 20),
      `${encode({ alg: 'none' })}.${encode(body)}.`,
    ]) {
      assert.equal(await service.permit(token, (fault) => faults.push(fault)), undefined);
    }
    assert.deepEqual(faults, ['signature', 'unknownKey', 'malformed', 'malformed', 'tooLong', 'malformed']);
  });
});

describe('a refresh token', () => {
  async function login() {
    const made = await makeServices();
    const { refresh_token: token = '', token: accessToken } = await made.service.issue(proof, [], {
      offline: true,
      clientId: 'docker',
    });
    assert.match(token, /^berth_rt_/);
    return { ...made, token, accessToken };
  }

  test('stands for the account as it is now', async () => {
    const { service, token, accounts, make } = await login();
    assert.deepEqual(await service.refresh(token), proof);
    const changed = { caller: { ...alice, groups: ['ops'] }, secretVersion: 'v1' };
    accounts.set('account:alice', changed);
    assert.deepEqual(await make().refresh(token), changed);
  });

  test('dies with a change of the password, and does not come back with the old one (T20)', async () => {
    const { service, token, accounts } = await login();
    accounts.set('account:alice', { caller: alice, secretVersion: 'v2' });
    assert.equal(await service.refresh(token), undefined);
    accounts.set('account:alice', proof);
    assert.equal(await service.refresh(token), undefined);
  });

  test('dies with the account (A21)', async () => {
    const { service, token, accounts } = await login();
    accounts.clear();
    assert.equal(await service.refresh(token), undefined);
  });

  test('dies when it is revoked (T20)', async () => {
    const { service, token } = await login();
    await service.revoke(token);
    assert.equal(await service.refresh(token), undefined);
    await service.revoke(token);
    await service.revoke('../keys');
  });

  test('dies when its time is over, and is cleared away', async () => {
    const { service, token, pass, driver } = await login();
    await service.issue(proof, [], { offline: true });
    assert.equal(await service.sweep(), 0);
    pass(3600);
    assert.equal(await service.refresh(token), undefined);
    assert.equal(await service.sweep(), 1);
    assert.deepEqual(await driver.list(`${AUTH}/refresh`), []);
  });

  test('is no access token, nor the other way round (T12)', async () => {
    const { service, token, accessToken } = await login();
    assert.equal(await service.permit(token), undefined);
    assert.equal(await service.refresh(accessToken), undefined);
  });

  test('is for one service', async () => {
    const { service, token, make } = await login();
    assert.equal(await service.refresh(token, 'other.test'), undefined);
    assert.equal(await make({ service: 'other.test' }).refresh(token), undefined);
    assert.deepEqual(await service.refresh(token), proof);
  });

  test('is given only to who asks for it, and only for an account or a robot', async () => {
    const { service } = await makeServices();
    assert.equal((await service.issue(proof, [])).refresh_token, undefined);
    const federated: Caller = { kind: 'federated', name: 'x', groups: [] };
    for (const caller of [ANONYMOUS, federated, alice]) {
      assert.equal((await service.issue({ caller }, [], { offline: true })).refresh_token, undefined);
    }
    const stranger: Proof = { caller: federated, secretVersion: 'v1' };
    assert.equal((await service.issue(stranger, [], { offline: true })).refresh_token, undefined);
  });

  test('is kept as a hash only', async () => {
    const { token, driver } = await login();
    const entries = await driver.list(`${AUTH}/refresh`);
    assert.equal(entries.length, 1);
    for (const { name } of entries) {
      const text = name + Buffer.from(await driver.read(`${AUTH}/refresh/${name}`)).toString();
      assert.equal(text.includes(token.slice('berth_rt_'.length)), false);
    }
  });

  test('that nobody made is nothing, whatever it looks like', async () => {
    const { service } = await makeServices();
    for (const token of ['', 'x', `berth_rt_${'A'.repeat(43)}`, '../users/alice', 'x'.repeat(2 ** 20)]) {
      assert.equal(await service.refresh(token), undefined);
    }
  });
});
