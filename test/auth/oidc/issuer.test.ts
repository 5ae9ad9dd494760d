import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { createFederation } from '../../../src/auth/oidc/federation.ts';
import { createIssuer, type IssuerDependencies } from '../../../src/auth/oidc/issuer.ts';
import { type IssuerSettings, IssuerSettingsError } from '../../../src/auth/oidc/issuer-settings.ts';
import { isRefusal } from '../../../src/registry/errors.ts';
import { makeCertificates } from '../../support/certificates.ts';
import { makeIssuerKey, type OidcIssuer, publicJwk, startOidcIssuer } from '../../support/oidc-issuer.ts';
import { inReverse, privateDirectory } from '../../support/processes.ts';

const AUDIENCE = 'registry.example.com';
const CLAIMS = { sub: 'job', aud: AUDIENCE };
const log = pino({ level: 'silent' });

test('keys are found by the discovery document', async (t) => {
  const { issuer, prove } = await start(t);
  assert.equal((await prove(issuer.token(CLAIMS)))?.name, 'job');
  assert.deepEqual(issuer.requests, ['/.well-known/openid-configuration', '/keys']);
});

test('an issuer is not asked before there is a token of it', async (t) => {
  const { issuer, prove } = await start(t);
  assert.equal(issuer.connections, 0);
  assert.equal(await prove(issuer.token({ ...CLAIMS, exp: 1 })), undefined);
  assert.equal(issuer.connections, 0);
});

test('a path and a slash at the end belong to the name of an issuer, not to the place of its document', async (t) => {
  const issuer = await startOidcIssuer(t, { issuer: 'http://127.0.0.1:{port}/' });
  const { prove } = await createIssuer(settingsOf(issuer), { log });
  assert.ok(await prove(issuer.token(CLAIMS)));
});

test('a discovery document of another issuer is not believed', async (t) => {
  for (const named of ['https://evil.test', undefined, 1, null]) {
    const { issuer, prove } = await start(t);
    issuer.discovery['issuer'] = named;
    await assert.rejects(prove(issuer.token(CLAIMS)), (error) => isRefusal(error, 'unavailable'));
    assert.ok(!issuer.requests.includes('/keys'));
  }
});

test('a discovery document leads to no address that could not be configured', async (t) => {
  for (const address of [undefined, 1, '', '/keys', 'file:///etc/passwd', 'http://me@127.0.0.1/keys']) {
    const { issuer, prove } = await start(t);
    issuer.discovery['jwks_uri'] = address;
    await assert.rejects(prove(issuer.token(CLAIMS)), (error) => isRefusal(error, 'unavailable'));
  }
});

test('an issuer with TLS does not lead to keys without', async (t) => {
  const cleaner = inReverse({ after: (fn) => t.after(fn) });
  const { files } = await makeCertificates(cleaner);
  const tls = { cert: await readFile(files.certificate, 'utf8'), key: await readFile(files.key, 'utf8') };
  const issuer = await startOidcIssuer(cleaner, { tls });
  const plain = await startOidcIssuer(cleaner);
  const { prove } = await createIssuer(settingsOf(issuer, { ca: files.ca }), { log });
  issuer.discovery['jwks_uri'] = `${plain.issuer}/keys`;
  await assert.rejects(prove(issuer.token(CLAIMS)), (error) => isRefusal(error, 'unavailable'));
  assert.equal(plain.connections, 0);

  delete issuer.discovery['jwks_uri'];
  const again = await createIssuer(settingsOf(issuer, { ca: files.ca }), { log });
  assert.equal((await again.prove(issuer.token(CLAIMS)))?.name, 'job');
});

test('an issuer whose name leads to loopback is not connected to unless that is allowed', async (t) => {
  const issuer = await startOidcIssuer(t, { issuer: 'https://issuer.test:{port}' });
  const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
  const settings = settingsOf(issuer, { allowPrivateAddresses: false });
  const { prove } = await createIssuer(settings, { log, resolve });
  await assert.rejects(prove(issuer.token(CLAIMS)), (error) => isRefusal(error, 'unavailable'));
  assert.equal(issuer.connections, 0);
});

test('an issuer whose name leads to loopback is used if that is allowed', async (t) => {
  const issuer = await startOidcIssuer(t, { issuer: 'http://issuer.test:{port}' });
  const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
  const { prove } = await createIssuer(settingsOf(issuer), { log, resolve });
  assert.ok(await prove(issuer.token(CLAIMS)));
});

test('an address of keys that was configured needs no discovery', async (t) => {
  const issuer = await startOidcIssuer(t);
  const { prove } = await createIssuer(settingsOf(issuer, { keysUrl: `${issuer.issuer}/keys` }), { log });
  assert.ok(await prove(issuer.token(CLAIMS)));
  assert.deepEqual(issuer.requests, ['/keys']);
});

test('a new key is believed as soon as a token names it, and an old one until it is withdrawn', async (t) => {
  const clock = startClock();
  const { issuer, prove } = await start(t, clock);
  const [old] = issuer.keys;
  assert.ok(old !== undefined);
  const byOld = issuer.token({ ...CLAIMS, exp: clock.seconds() + 3600 });
  assert.ok(await prove(byOld));

  clock.pass(30);
  const next = makeIssuerKey('RS256', 'next');
  issuer.keys = [next, old];
  const byNext = issuer.token({ ...CLAIMS, exp: clock.seconds() + 3600 });
  assert.ok(await prove(byNext));
  assert.ok(await prove(byOld));

  issuer.keys = [next];
  clock.pass(300);
  assert.equal(await prove(byOld), undefined);
  assert.ok(await prove(byNext));
});

test('an issuer that is down takes away no key that is known, and is needed for those that are not', async (t) => {
  const clock = startClock();
  const { issuer, prove } = await start(t, clock);
  const token = issuer.token({ ...CLAIMS, exp: clock.seconds() + 5 * 3600 });
  assert.ok(await prove(token));
  for (const faults of [
    { discovery: { kind: 'status', status: 500 } },
    { keys: { kind: 'status', status: 503 } },
    { keys: { kind: 'document', body: '{"keys":{}}' } },
    { discovery: { kind: 'redirect', location: 'http://127.0.0.1:1/' } },
    { keys: { kind: 'endless' } },
  ] as const) {
    Object.assign(issuer.faults, { discovery: undefined, keys: undefined }, faults);
    clock.pass(600);
    assert.ok(await prove(token));
  }
  clock.pass(600);
  const other = makeIssuerKey('ES256', 'other');
  const unknown = issuer.token({ ...CLAIMS, exp: clock.seconds() + 300 }, { key: other });
  await assert.rejects(prove(unknown), (error) => isRefusal(error, 'unavailable'));
});

test('an issuer that withdraws all keys is obeyed', async (t) => {
  const clock = startClock();
  const { issuer, prove } = await start(t, clock);
  const token = issuer.token({ ...CLAIMS, exp: clock.seconds() + 3600 });
  assert.ok(await prove(token));
  issuer.keys = [];
  clock.pass(600);
  assert.equal(await prove(token), undefined);
});

test('keys in the configuration need no request', async (t) => {
  const issuer = await startOidcIssuer(t);
  const jwks = JSON.stringify({ keys: issuer.keys.map(publicJwk) });
  const { prove } = await createIssuer(settingsOf(issuer, { jwks, allowPrivateAddresses: false }), { log });
  assert.ok(await prove(issuer.token(CLAIMS)));
  assert.equal(await prove(issuer.token(CLAIMS, { header: { kid: 'unknown' } })), undefined);
  assert.equal(issuer.connections, 0);
});

test('keys in a file are read again when it has changed', async (t) => {
  const clock = startClock();
  const issuer = await startOidcIssuer(t);
  const jwks = join(await privateDirectory('oidc', { after: (fn) => t.after(fn) }), 'keys.json');
  await writeFile(jwks, JSON.stringify({ keys: issuer.keys.map(publicJwk) }));
  const { prove } = await createIssuer(settingsOf(issuer, { jwks }), { log, now: clock.now });
  const before = issuer.token({ ...CLAIMS, exp: clock.seconds() + 3600 });
  assert.ok(await prove(before));

  issuer.keys = [makeIssuerKey('EdDSA', 'next')];
  await writeFile(jwks, JSON.stringify({ keys: issuer.keys.map(publicJwk) }));
  clock.pass(60);
  assert.ok(await prove(issuer.token({ ...CLAIMS, exp: clock.seconds() + 3600 })));
  assert.equal(await prove(before), undefined);

  await rm(jwks);
  clock.pass(60);
  assert.ok(await prove(issuer.token({ ...CLAIMS, exp: clock.seconds() + 3600 })));
  assert.equal(issuer.connections, 0);
});

const problems: readonly (readonly [change: Partial<IssuerSettings>, line: RegExp])[] = [
  [{ issuer: 'issuer.test' }, /^OIDC issuer ci needs an https address as issuer/],
  [{ issuer: 'http://issuer.test', allowPrivateAddresses: false }, /needs an https address as issuer/],
  [{ issuer: 'ftp://issuer.test' }, /needs an https address as issuer/],
  [{ issuer: 'https://me:pw@issuer.test' }, /nothing but scheme, host, port and path in its issuer/],
  [{ issuer: 'https://issuer.test/?a=b' }, /nothing but scheme, host, port and path in its issuer/],
  [{ issuer: 'https://issuer.test/#x' }, /nothing but scheme, host, port and path in its issuer/],
  [{ keysUrl: 'http://issuer.test/keys', allowPrivateAddresses: false }, /an https address as keysurl/],
  [{ audiences: [] }, /needs at least one audience/],
  [{ jwks: '{"keys":[]}' }, /has a jwks without a key/],
  [{ jwks: '{"keys":[{"kty":"oct","k":"AAAA"}]}' }, /has a jwks without a key/],
  [{ jwks: '{' }, /has a jwks that is not a JSON Web Key Set/],
  [{ jwks: '/nowhere/keys.json' }, /names the file \/nowhere\/keys\.json, which cannot be read \(ENOENT\)/],
  [{ ca: '/nowhere/ca.pem' }, /names the file \/nowhere\/ca\.pem, which cannot be read \(ENOENT\)/],
  [{ ca: import.meta.filename }, /as ca, which is no certificate/],
];
for (const [change, line] of problems) {
  test(`${JSON.stringify(change).slice(0, 70)} is refused at the start in one line`, async () => {
    const settings = {
      name: 'ci',
      issuer: 'https://issuer.test',
      audiences: [AUDIENCE],
      allowPrivateAddresses: true,
      ...change,
    };
    await assert.rejects(createIssuer(settings, { log }), (error) => {
      assert.ok(error instanceof IssuerSettingsError);
      assert.match(error.message, line);
      assert.ok(!error.message.includes('\n') && !error.message.includes('me:pw'));
      return true;
    });
  });
}

test('two issuers of the same name or address are a contradiction', async () => {
  const make = (name: string, issuer: string) =>
    createIssuer({ name, issuer, audiences: [AUDIENCE] }, { log });
  const one = await make('one', 'https://one.test');
  assert.throws(() => createFederation([one, one]), IssuerSettingsError);
  for (const other of [await make('one', 'https://two.test'), await make('two', 'https://one.test')]) {
    assert.throws(() => createFederation([one, other]), IssuerSettingsError);
  }
  createFederation([one, await make('two', 'https://two.test')]);
  createFederation([]);
});

async function start(t: TestContext, clock = startClock()) {
  const issuer = await startOidcIssuer(t);
  const deps: IssuerDependencies = { log, now: clock.now };
  const { prove } = await createIssuer(settingsOf(issuer), deps);
  return { issuer, prove };
}

function settingsOf({ issuer }: OidcIssuer, change: Partial<IssuerSettings> = {}): IssuerSettings {
  return { name: 'ci', issuer, audiences: [AUDIENCE], allowPrivateAddresses: true, ...change };
}

/** The real time, and what a test lets pass beside it. */
function startClock() {
  let ahead = 0;
  const now = () => new Date(Date.now() + ahead * 1000);
  return {
    now,
    seconds: () => Math.floor(now().getTime() / 1000),
    pass: (seconds: number) => {
      ahead += seconds;
    },
  };
}
