// Tokens that prove nothing, whatever they say.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import {
  makeIssuerKey,
  publicJwk,
  type SigningAlgorithm,
  signToken,
  startOidcIssuer,
} from '../../support/oidc-issuer.ts';
import { AUDIENCE, CLAIMS, federate, settingsOf, startFederation } from './federations.ts';

test('the key decides on the algorithm, never the token', async (t) => {
  const { federation, issuer } = await startFederation(t);
  const rsa = makeIssuerKey('RS256', 'rsa');
  const ec = makeIssuerKey('ES256', 'ec');
  issuer.keys = [rsa, ec];
  assert.ok(await federation.recognize(issuer.token(CLAIMS, { key: rsa })));
  const asIfBy = (algorithm: SigningAlgorithm, kid: string, key: typeof rsa) =>
    signToken({ iss: issuer.issuer, exp: soon(), ...CLAIMS }, { ...key, algorithm, kid });
  // The published key says RS256, so not even the other algorithm of its type will do.
  assert.equal(await federation.recognize(asIfBy('PS256', 'rsa', rsa)), undefined);
  assert.equal(await federation.recognize(asIfBy('ES256', 'rsa', ec)), undefined);
  assert.equal(await federation.recognize(asIfBy('RS256', 'ec', rsa)), undefined);
});

test('no algorithm, and none that a public key would be the secret of, is accepted', async (t) => {
  const { federation, issuer } = await startFederation(t);
  const key = makeIssuerKey('RS256', 'rsa');
  issuer.keys = [key];
  const claims = { iss: issuer.issuer, exp: soon(), ...CLAIMS };
  for (const alg of ['none', 'None', 'NONE', '', undefined, null, 0, ['RS256'], 'rs256', 'RS1']) {
    assert.equal(await federation.recognize(signToken(claims, key, { alg })), undefined, String(alg));
  }
  const pem = key.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const der = key.publicKey.export({ type: 'spki', format: 'der' });
  const secrets = [pem, ` ${pem}`, pem.trim(), der, JSON.stringify(publicJwk(key)), ''];
  for (const secret of secrets) {
    const signed = signToken(claims, key, { alg: 'HS256' }).split('.').slice(0, 2).join('.');
    const signature = createHmac('sha256', secret).update(signed).digest('base64url');
    assert.equal(await federation.recognize(`${signed}.${signature}`), undefined);
  }
});

test('a shared secret among the published keys is not used', async (t) => {
  const { federation, issuer } = await startFederation(t);
  const k = Buffer.alloc(32, 7).toString('base64url');
  issuer.faults.keys = {
    kind: 'document',
    body: JSON.stringify({ keys: [{ kty: 'oct', k, kid: 'first', alg: 'HS256' }] }),
  };
  const signed = issuer
    .token(CLAIMS, { header: { alg: 'HS256' } })
    .split('.')
    .slice(0, 2)
    .join('.');
  const signature = createHmac('sha256', Buffer.alloc(32, 7)).update(signed).digest('base64url');
  assert.equal(await federation.recognize(`${signed}.${signature}`), undefined);
});

test('keys that a token brings, or says where to find, are not looked at', async (t) => {
  const { federation, issuer } = await startFederation(t);
  const attacker = await startOidcIssuer(t);
  const [key] = attacker.keys;
  assert.ok(key !== undefined);
  const headers = [
    { jwk: publicJwk(key) },
    { jku: `${attacker.issuer}/keys` },
    { x5u: `${attacker.issuer}/keys` },
    { jwk: publicJwk(key), kid: undefined },
  ];
  for (const header of headers) {
    assert.equal(await federation.recognize(issuer.token(CLAIMS, { key, header })), undefined);
  }
  assert.equal(attacker.connections, 0);
});

test('a key of one issuer proves nothing about another', async (t) => {
  const one = await startOidcIssuer(t);
  const two = await startOidcIssuer(t);
  one.keys = [makeIssuerKey('ES256', 'one')];
  two.keys = [makeIssuerKey('ES256', 'two')];
  const federation = await federate([settingsOf(one, { name: 'one' }), settingsOf(two, { name: 'two' })]);
  assert.equal((await federation.recognize(one.token(CLAIMS)))?.issuer, 'one');
  assert.equal((await federation.recognize(two.token(CLAIMS)))?.issuer, 'two');
  assert.equal(await federation.recognize(one.token({ ...CLAIMS, iss: two.issuer })), undefined);
  const [stolenName] = two.keys;
  assert.ok(stolenName !== undefined);
  const asTwo = one.token({ ...CLAIMS, iss: two.issuer }, { header: { kid: stolenName.kid } });
  assert.equal(await federation.recognize(asTwo), undefined);
});

test('an issuer is the configured one to the last character, and nobody else is asked', async (t) => {
  const { federation, issuer } = await startFederation(t);
  const stranger = await startOidcIssuer(t);
  assert.equal(await federation.recognize(stranger.token(CLAIMS)), undefined);
  assert.equal(stranger.connections, 0);
  for (const iss of [
    `${issuer.issuer}/`,
    issuer.issuer.toUpperCase(),
    ` ${issuer.issuer}`,
    [issuer.issuer],
    1,
  ]) {
    assert.equal(await federation.recognize(issuer.token({ ...CLAIMS, iss })), undefined);
  }
  assert.equal(issuer.connections, 0);
});

test('the audience must be one of the configured ones', async (t) => {
  const { federation, issuer } = await startFederation(t, {
    audiences: [AUDIENCE, 'https://registry.example.com'],
  });
  const refused: unknown[] = [
    undefined,
    '',
    null,
    'registry.example',
    'registry.example.com.evil.test',
    'REGISTRY.EXAMPLE.COM',
    [],
    ['https://vault.example.com'],
    [[AUDIENCE]],
    { 0: AUDIENCE },
  ];
  for (const aud of refused) {
    assert.equal(
      await federation.recognize(issuer.token({ ...CLAIMS, aud })),
      undefined,
      JSON.stringify(aud),
    );
  }
  assert.equal(issuer.connections, 0);
  for (const aud of [AUDIENCE, ['https://vault.example.com', 'https://registry.example.com']]) {
    assert.ok(await federation.recognize(issuer.token({ ...CLAIMS, aud })));
  }
});

test('a token counts from when it says to when it says, give or take a minute', async (t) => {
  const time = 1_800_000_000;
  const { federation, issuer } = await startFederation(t, {}, () => new Date(time * 1000));
  const good = { iat: time, nbf: time, exp: time + 300 };
  const cases: readonly (readonly [change: object, isProof: boolean])[] = [
    [{}, true],
    [{ exp: time - 59 }, true],
    [{ exp: time - 60 }, false],
    [{ nbf: time + 60 }, true],
    [{ nbf: time + 61 }, false],
    [{ iat: time + 61 }, false],
    [{ nbf: undefined, iat: undefined }, true],
    [{ exp: undefined }, false],
    [{ exp: String(time + 300) }, false],
    [{ exp: 1e308 }, false],
    [{ exp: null }, false],
    [{ exp: -1 }, false],
    [{ nbf: 'now' }, false],
    [{ iat: {} }, false],
  ];
  for (const [change, isProof] of cases) {
    const caller = await federation.recognize(issuer.token({ ...CLAIMS, ...good, ...change }));
    assert.equal(caller !== undefined, isProof, JSON.stringify(change));
  }
});

test('what has to be understood, and is not, makes a token useless', async (t) => {
  const { federation, issuer } = await startFederation(t);
  const headers = [
    { crit: ['exp'] },
    { crit: 'b64' },
    { b64: false },
    { cty: 'JWT' },
    { zip: 'DEF' },
    { enc: 'A256GCM' },
    { typ: 'logout+jwt' },
    { typ: 1 },
    { kid: 1 },
    { kid: 'k'.repeat(1000) },
  ];
  for (const header of headers) {
    assert.equal(
      await federation.recognize(issuer.token(CLAIMS, { header })),
      undefined,
      JSON.stringify(header),
    );
  }
  assert.equal(issuer.connections, 0);
});

test('a token has one way to be written', async (t) => {
  const { federation, issuer } = await startFederation(t);
  const token = issuer.token(CLAIMS);
  const [header = '', payload = '', signature = ''] = token.split('.');
  const twice = Buffer.from(`{"alg":"none","alg":"ES256","kid":"first"}`).toString('base64url');
  const variants = [
    ` ${token}`,
    `${token}\n`,
    `${token}=`,
    `${token}.`,
    `${header}.${payload}`,
    `${header}.${payload}.`,
    `${header}.${payload}.${signature}.${signature}`,
    `${header}=.${payload}.${signature}`,
    `${twice}.${payload}.${signature}`,
    `${header}..${signature}`,
    token.replaceAll('.', '..'),
    '',
    '.',
    '..',
    'password',
  ];
  for (const variant of variants) assert.equal(await federation.recognize(variant), undefined, variant);
  assert.equal(issuer.connections, 0);
  assert.ok(await federation.recognize(token));
});

test('a token of 16 KiB is read, a larger one is not, and neither dots nor nesting take long', async (t) => {
  const { federation, issuer } = await startFederation(t);
  const room = 16 * 1024 - issuer.token({ ...CLAIMS, fill: '' }).length;
  assert.ok(
    await federation.recognize(issuer.token({ ...CLAIMS, fill: 'x'.repeat(Math.floor(room * 0.7)) })),
  );
  assert.equal(await federation.recognize(issuer.token({ ...CLAIMS, fill: 'x'.repeat(room) })), undefined);
  const started = performance.now();
  for (const text of ['.'.repeat(100_000), 'a'.repeat(1_000_000), `${'a.'.repeat(8000)}a`]) {
    assert.equal(await federation.recognize(text), undefined);
  }
  t.diagnostic(`${(performance.now() - started).toFixed(1)} ms for three hostile texts`);
});

function soon(): number {
  return Math.floor(Date.now() / 1000) + 300;
}
