// Tokens over HTTP: which are believed, which are none, and how they end.
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import jsonwebtoken from 'jsonwebtoken';
import { openSigningKeys } from '../../src/auth/tokens/signing-keys.ts';
import {
  basic,
  openWithAccounts,
  ownClaims,
  PASSWORD,
  PUBLIC_URL,
  postForm,
  signedByRegistry,
  tokenFor,
} from '../support/access.ts';
import { type Answer, assertRefused, headerOf, jsonOf } from '../support/answers.ts';
import { clientOf } from '../support/app.ts';
import { pushImage } from '../support/content.ts';
import { send } from '../support/raw-http.ts';

const registry = await openWithAccounts({ after }, { users: ['alice', 'bob'] });
const { http, tokens, accounts, port } = registry;
const alice = clientOf(`http://127.0.0.1:${port}`).set('Authorization', basic('alice'));
await pushImage(alice, 'team/app', 'latest');
const scope = 'repository:team/app:pull';

const asks = (token: string) => http.get('/v2/team/app/tags/list').set('Authorization', `Bearer ${token}`);

function assertNoToken(answer: Answer, what: string): void {
  assert.equal(answer.status, 401, what);
  assertRefused(answer, 401, 'UNAUTHORIZED');
  assert.match(headerOf(answer, 'WWW-Authenticate'), /^Bearer realm=.*,error="invalid_token"$/, what);
}

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

const { kid, algorithm, privateKey, verification } = await tokens.keys.signer();
const header = { alg: algorithm, typ: 'JWT', kid };
const claims = ownClaims('alice');
const body = encode(claims);
const good = await signedByRegistry(registry, claims);
const [head = '', payload = '', signature = ''] = good.split('.');
const publicPem = String(verification.key.export({ format: 'pem', type: 'spki' }));
const attacker = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** Genuinely signed, whatever the header and the claims are. */
function signed(changedHeader: object, changedClaims: object, key = privateKey): string {
  return jsonwebtoken.sign({ ...claims, ...changedClaims }, key, {
    algorithm: 'ES256',
    noTimestamp: true,
    header: { ...header, ...changedHeader } as jsonwebtoken.JwtHeader,
  });
}

function withSecret(secret: string | Buffer, changes: object = {}): string {
  const input = `${encode({ alg: 'HS256', typ: 'JWT', kid, ...changes })}.${body}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

const now = Math.floor(Date.now() / 1000);
const jwk = attacker.publicKey.export({ format: 'jwk' });

/** What is wrong with each, and the token. */
const bad: readonly (readonly [what: string, token: string])[] = [
  ...['none', 'None', 'NONE', '', undefined].flatMap((alg) => {
    const none = encode({ alg, typ: 'JWT', kid });
    return [
      [`T01 alg ${alg}`, `${none}.${body}.`],
      [`T01 alg ${alg}, signed`, `${none}.${body}.${signature}`],
      [`T01 alg ${alg}, two parts`, `${none}.${body}`],
    ] as const;
  }),
  ...[
    publicPem,
    publicPem.trimEnd(),
    ` ${publicPem}`,
    verification.key.export({ format: 'der', type: 'spki' }),
    JSON.stringify(verification.key.export({ format: 'jwk' })),
  ].map((text, index) => [`T02 HS256 over a public key, ${index}`, withSecret(text)] as const),
  ['T03 unknown kid and an empty secret', withSecret('', { kid: 'nobody' })],
  ['T03 our kid and an empty secret', withSecret('')],
  ['T04 a trusted kid and a key of its own', signed({ jwk }, {}, attacker.privateKey)],
  ['T04 no kid and a key of its own', signed({ kid: undefined, jwk }, {}, attacker.privateKey)],
  ['T07 unknown crit', signed({ crit: ['unheard'], unheard: 1 }, {})],
  ['T07 crit is no list', signed({ crit: 'exp' }, {})],
  ...[undefined, '', 'other', 'bert', 'berth2', ['other'], [], 7].flatMap((one) => [
    [`T08 aud ${one}`, signed({}, { aud: one })] as const,
    ...(Array.isArray(one) || one === 7 ? [] : [[`T08 iss ${one}`, signed({}, { iss: one })] as const]),
  ]),
  ['T09 expired past the leeway', signed({}, { exp: now - 61 })],
  ['T09 not yet valid', signed({}, { nbf: now + 3600 })],
  ['T09 without an end', signedRaw({ ...claims, exp: undefined })],
  ['T09 an end that is a text', signedRaw({ ...claims, exp: '9999999999' })],
  ['T09 an end beyond time', signedRaw({ ...claims, exp: 1e308 })],
  ['T11 many dots', '.'.repeat(8000)],
  ['T11 long', 'a'.repeat(12_000)],
  ['T19 padding', `${good}=`],
  ['T19 padding inside', `${head}=.${payload}.${signature}`],
  [
    'T19 two algorithms',
    `${encode(`{"alg":"none","alg":"${algorithm}","kid":"${kid}"}`)}.${body}.${signature}`,
  ],
  ['T19 a token in a token', signed({ cty: 'JWT' }, {})],
  ['T19 b64:false', signed({ b64: false }, {})],
  ['T19 one part more', `${good}.${signature}`],
  ['T13 another service', signed({}, { aud: 'registry.other' })],
  ['a caller that is none', signed({}, { berth: { kind: 'account', name: 'alice', groups: [], extra: 1 } })],
  ['no caller', signed({}, { berth: undefined })],
  ['access that is none', signed({}, { access: 'repository:team/app:pull' })],
  [
    'an access entry that is none',
    signed({}, { access: [{ type: 'repository', name: 'team/app', actions: 'pull' }] }),
  ],
];

/** For claims that the library would not sign. */
function signedRaw(those: object): string {
  const probe = jsonwebtoken.sign(JSON.stringify(those), privateKey, {
    algorithm: 'ES256',
    header: header as jsonwebtoken.JwtHeader,
  });
  return probe;
}

test('a token that is right is taken, also just past its end, for clocks that differ', async () => {
  await asks(good).expect(200);
  await asks(signed({}, {})).expect(200);
  await asks(signed({}, { aud: ['other', 'berth'] })).expect(200);
  await asks(signed({}, { exp: now - 1 })).expect(200);
});

test('a bearer token that is not genuine, for us and valid now is invalid (T01-T04, T07-T09, T11, T13, T19)', async () => {
  for (const [what, token] of bad) assertNoToken(await asks(token), what);
});

test('spaces in a bearer token, and another scheme before it, make it none (T19)', async () => {
  for (const value of [
    `Bearer ${good} x`,
    `Bearer${good}`,
    `Bearer\t${good}`,
    `Token ${good}`,
    `Bearer Bearer ${good}`,
    `Bearer "${good}"`,
    `Bearer ${good},Basic YTpi`,
    'Bearer',
  ]) {
    const answer = await http.get('/v2/team/app/tags/list').set('Authorization', value);
    assertRefused(answer, 401, 'UNAUTHORIZED');
  }
});

test('addresses in a token are never asked (T05)', async (t) => {
  let connections = 0;
  const server = createServer();
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  t.after(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  for (const change of [{ jku: url }, { x5u: url }, { jku: url, kid: url }, { x5c: ['AAAA'] }]) {
    assertNoToken(await asks(signed(change, {}, attacker.privateKey)), JSON.stringify(change));
  }
  assert.equal(connections, 0);
});

test('a header longer than any token is refused before it is looked at (T11)', async () => {
  for (const token of ['a'.repeat(64 * 1024), 'a'.repeat(1024 * 1024), '.'.repeat(100_000)]) {
    const answer = await send(port, 'GET /v2/', [`Authorization: Bearer ${token}`]);
    assert.ok([400, 401, 431].includes(answer.status), `${answer.status}`);
  }
  await asks(good).expect(200);
});

async function login(name: string, password = PASSWORD): Promise<string> {
  const path = `/auth/token?service=berth&offline_token=true&client_id=docker&scope=${scope}`;
  const answer = await http.get(path).set('Authorization', basic(name, password)).expect(200);
  const token = jsonOf(answer)['refresh_token'];
  assert.ok(typeof token === 'string');
  return token;
}

const renew = (refreshToken: string) =>
  postForm(registry, { grant_type: 'refresh_token', refresh_token: refreshToken, service: 'berth', scope });

test('a refresh token opens nothing but the way to a token, and a token is no refresh token (T12)', async () => {
  const refreshToken = await login('alice');
  assertNoToken(await asks(refreshToken), 'as a bearer token');
  for (const authorization of [basic('alice', refreshToken), `Basic ${btoa(`:${refreshToken}`)}`]) {
    assertRefused(await http.get('/v2/').set('Authorization', authorization), 401, 'UNAUTHORIZED');
  }
  const renewed = jsonOf(await renew(refreshToken).expect(200));
  assert.equal(renewed['refresh_token'], undefined, 'the one that there is goes on');
  const token = String(renewed['access_token']);
  await asks(token).expect(200);
  const asRefresh = await renew(token);
  assert.ok([400, 401].includes(asRefresh.status), `${asRefresh.status}`);
  const asLogin = await http.get(`/auth/token?scope=${scope}`).set('Authorization', `Bearer ${token}`);
  assertRefused(asLogin, 401, 'UNAUTHORIZED');
});

test('a token of another registry, or for another service, is none here (T13)', async (t) => {
  const other = await openWithAccounts(t, { users: ['alice'] });
  const foreign = await tokenFor(other, basic('alice'), scope);
  assertNoToken(await asks(foreign.replace('Bearer ', '')), 'of another registry');
  const service = await http.get('/auth/token?service=other').set('Authorization', basic('alice'));
  assertRefused(service, 400, 'UNSUPPORTED');
  const refreshToken = await login('alice');
  const form = { grant_type: 'refresh_token', refresh_token: refreshToken, service: 'other' };
  assert.ok([400, 401].includes((await postForm(registry, form)).status));
});

test('a secret in the address is refused, and in no log (T16)', async () => {
  const form = 'application/x-www-form-urlencoded';
  for (const name of ['password', 'refresh_token', 'subject_token', 'client_secret', 'access_token']) {
    const query = `?grant_type=password&username=alice&${name}=${encodeURIComponent(PASSWORD)}`;
    const posted = await http
      .post(`/auth/token${query}`)
      .set('Content-Type', form)
      .send('grant_type=password');
    assertRefused(posted, 400, 'UNSUPPORTED');
    assertRefused(await http.get(`/auth/token${query}`), 400, 'UNSUPPORTED');
    assert.ok(!String(posted.body).includes(PASSWORD));
  }
  const logged = registry.logLines.join('');
  for (const text of [PASSWORD, encodeURIComponent(PASSWORD), basic('alice').slice(6), good]) {
    assert.ok(!logged.includes(text));
  }
});

test('the realm is the configured one, whatever host a client or a stranger in between names (T17)', async (t) => {
  const forwarded = ['X-Forwarded-Host: evil.test', 'X-Forwarded-Proto: https', 'Forwarded: host=evil.test'];
  const expected = `Bearer realm="${PUBLIC_URL}/auth/token",service="berth"`;
  assert.equal(headerOf(await send(port, 'GET /v2/', forwarded), 'WWW-Authenticate'), expected);
  const evil = await http.get('/v2/').set('Host', 'evil.test');
  assert.equal(headerOf(evil, 'WWW-Authenticate'), expected);
  const { port: open } = await openWithAccounts(t, { settings: { http: {} } });
  const own = await send(open, 'GET /v2/', forwarded);
  assert.equal(
    headerOf(own, 'WWW-Authenticate'),
    'Bearer realm="http://registry.test/auth/token",service="berth"',
  );
  for (const host of ['a"b', 'user@evil.test', 'a:b@c', 'evil.test/x?', '[::1', 'a b', '']) {
    const answer = await clientOf(`http://127.0.0.1:${open}`).get('/v2/').set('Host', host);
    if (answer.status === 400) continue;
    assert.match(
      headerOf(answer, 'WWW-Authenticate'),
      /^Bearer realm="http:\/\/(localhost|\[?[\w.:-]+\]?)\/auth\/token",service="berth"$/,
    );
  }
});

test('keys overlap when they change: both verify, and the new one signs when all know it (T18)', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  const own = await openWithAccounts(t, { users: ['alice'] });
  const ask = async (token: string) => (await own.http.get('/v2/').set('Authorization', token)).status;
  const published = async () =>
    (jsonOf(await own.http.get('/auth/jwks').expect(200))['keys'] as { kid: string }[]).map((key) => key.kid);
  const before = await tokenFor(own, basic('alice'));
  const replica = await openSigningKeys({ driver: own.driver, tokenLife: 300 });
  const { kid: oldKid } = await own.tokens.keys.signer();
  const { kid: newKid } = await replica.rotate();
  t.mock.timers.setTime(Date.now() + 31_000);
  assert.deepEqual((await published()).sort(), [oldKid, newKid].sort());
  assert.equal((await own.tokens.keys.signer()).kid, oldKid);
  t.mock.timers.setTime(Date.now() + 120_000);
  const later = await tokenFor(own, basic('alice'));
  assert.equal(
    JSON.parse(Buffer.from(later.slice(7).split('.')[0] ?? '', 'base64url').toString()).kid,
    newKid,
  );
  assert.deepEqual([await ask(before), await ask(later)], [200, 200]);
  await replica.remove(newKid);
  t.mock.timers.setTime(Date.now() + 31_000);
  assert.deepEqual(
    [await ask(before), await ask(later)],
    [200, 401],
    'a key that was taken away ends at once',
  );
  t.mock.timers.setTime(Date.now() + 600_000);
  assert.equal(await ask(before), 401);
});

test('logging out, a new password and the end of the account end refresh tokens at once (T20)', async () => {
  const json = (path: string, content: object) =>
    http.post(`/berth/v1${path}`).set('Content-Type', 'application/json').send(JSON.stringify(content));
  const first = await login('bob');
  const second = await login('bob');
  await json('/tokens/revoke', { token: first }).set('Authorization', basic('bob')).expect(204);
  assertRefused(await renew(first), 401, 'UNAUTHORIZED');
  await renew(second).expect(200);
  await json('/tokens/revoke', { user: 'bob' }).set('Authorization', basic('bob')).expect(204);
  assertRefused(await renew(second), 401, 'UNAUTHORIZED');
  const third = await login('bob');
  await http
    .put('/berth/v1/me/password')
    .set('Authorization', basic('bob'))
    .set('Content-Type', 'application/json')
    .send(JSON.stringify({ currentPassword: PASSWORD, newPassword: 'another password' }))
    .expect(204);
  assertRefused(await renew(third), 401, 'UNAUTHORIZED');
  const fourth = await login('bob', 'another password');
  await accounts.users.change('bob', { disabled: true });
  assertRefused(await renew(fourth), 401, 'UNAUTHORIZED');
  await accounts.users.change('bob', { disabled: false });
  assertRefused(await renew(fourth), 401, 'UNAUTHORIZED');
});

test('a user who leaves a group gets no more by it at once, and what was had before ends with its token (A21)', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  const rules = [{ repositories: ['team/**'], for: ['group:crew'], actions: ['all'] }];
  const own = await openWithAccounts(t, {
    users: ['carol'],
    policy: { rules, groups: { crew: ['founder'] } },
  });
  await own.accounts.groups.add('crew');
  await own.accounts.groups.join('crew', 'carol');
  const query = `/auth/token?offline_token=true&scope=${scope}`;
  const had = jsonOf(await own.http.get(query).set('Authorization', basic('carol')).expect(200));
  const ask = (token: unknown) =>
    own.http.get('/v2/team/app/tags/list').set('Authorization', `Bearer ${token}`);
  const form = { grant_type: 'refresh_token', refresh_token: String(had['refresh_token']), scope };
  assert.equal((await ask(had['token'])).status, 404, 'let in');
  await own.accounts.groups.leave('crew', 'carol');
  assertRefused(
    await own.http.get('/v2/team/app/tags/list').set('Authorization', basic('carol')),
    403,
    'DENIED',
  );
  const renewed = jsonOf(await postForm(own, form).expect(200));
  assert.equal(renewed['scope'], '');
  assertRefused(await ask(renewed['token']), 401, 'UNAUTHORIZED');
  await own.accounts.users.remove('carol');
  assertRefused(await postForm(own, form), 401, 'UNAUTHORIZED');
  assertRefused(await own.http.get('/v2/').set('Authorization', basic('carol')), 401, 'UNAUTHORIZED');
  assert.equal(had['expires_in'], 300);
  // With the leeway that clocks are given.
  t.mock.timers.setTime(Date.now() + 360_000);
  assertRefused(await ask(had['token']), 401, 'UNAUTHORIZED');
});
