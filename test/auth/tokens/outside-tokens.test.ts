import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pino } from 'pino';
import { curveThumbprint, libtrustFingerprint, thumbprint } from '../../../src/auth/tokens/key-ids.ts';
import { createOutsideTokens, type OutsideTokensSettings } from '../../../src/auth/tokens/outside-tokens.ts';
import { parseRepositoryName } from '../../../src/registry/name.ts';
import { runCommand } from '../../support/command.ts';
import {
  claims,
  makeEc,
  makeEd,
  makeRsa,
  makeSecret,
  NOW,
  seconds,
  signed,
  signParts,
} from './tokens-for-tests.ts';

let directory = '';
const at = (name: string) => join(directory, name);
const openssl = (...words: string[]) => runCommand(['openssl', ...words], { directory });
const log = pino({ level: 'silent' });
const app = parseRepositoryName('a/app');
const other = parseRepositoryName('b/other');

interface Issued {
  readonly certificate: X509Certificate;
  readonly key: ReturnType<typeof createPrivateKey>;
}

/** A certificate with a key of its own; without an issuer it has signed itself. Valid from this moment on. */
async function issue(
  name: string,
  options: {
    readonly by?: string;
    readonly extensions?: string;
    readonly rsa?: true;
    readonly days?: number;
  } = {},
): Promise<Issued> {
  const { by, extensions = 'basicConstraints=critical,CA:TRUE', rsa, days = 30 } = options;
  const newKey = rsa ? ['rsa:2048'] : ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const [key, csr, ext, pem] = ['key', 'csr', 'ext', 'pem'].map((end) => at(`${name}.${end}`));
  assert.ok(key && csr && ext && pem);
  await openssl('req', '-newkey', ...newKey, '-nodes', '-subj', `/CN=${name}`, '-keyout', key, '-out', csr);
  await writeFile(ext, extensions);
  const signer =
    by === undefined
      ? ['-signkey', key]
      : ['-CA', at(`${by}.pem`), '-CAkey', at(`${by}.key`), '-CAcreateserial'];
  await openssl('x509', '-req', '-in', csr, ...signer, '-extfile', ext, '-days', String(days), '-out', pem);
  return {
    certificate: new X509Certificate(await readFile(pem)),
    key: createPrivateKey(await readFile(key)),
  };
}

const HOUR_MS = 3_600_000;

/** A moment some hours after the certificate begins. */
const hoursInto = ({ certificate }: Issued, hours: number) =>
  new Date(certificate.validFromDate.getTime() + hours * HOUR_MS);

/** Claims that are right at that moment. */
function claimsAt(time: Date): Record<string, unknown> {
  const begin = time.getTime() / 1000;
  return claims({ iat: begin, nbf: begin, exp: begin + 300 });
}

const leafOf = 'basicConstraints=CA:FALSE';
const x5c = (...chain: readonly Issued[]) =>
  chain.map(({ certificate }) => certificate.raw.toString('base64'));

async function bundle(name: string, ...issued: readonly Issued[]): Promise<string> {
  await writeFile(at(name), issued.map(({ certificate }) => certificate.toString()).join('\n'));
  return at(name);
}

async function keySet(name: string, ...keys: readonly object[]): Promise<string> {
  await writeFile(at(name), JSON.stringify({ keys }));
  return at(name);
}

async function open(settings: Partial<OutsideTokensSettings>, now: () => Date = () => NOW) {
  return createOutsideTokens(
    { issuer: 'https://issuer.test', service: 'registry.test', ...settings },
    { log, now },
  );
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-outside-'));
});
after(() => rm(directory, { recursive: true }));

describe('ids of keys', () => {
  test('are those of RFC 7638, by its own example', () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw';
    const key = createPublicKey({ format: 'jwk', key: { kty: 'RSA', n, e: 'AQAB' } });
    assert.equal(thumbprint(key), 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
  });

  test('of libtrust are twelve groups of four', () => {
    assert.match(libtrustFingerprint(makeEc().publicKey), /^(?:[A-Z2-7]{4}:){11}[A-Z2-7]{4}$/);
  });

  test('of a curve are the same for every key on it', () => {
    const [one, two] = [makeEc().publicKey, makeEc().publicKey];
    assert.equal(curveThumbprint(one), curveThumbprint(two));
    assert.notEqual(curveThumbprint(one), curveThumbprint(makeEc('secp384r1').publicKey));
    assert.equal(curveThumbprint(makeRsa().publicKey), undefined);
  });
});

describe('a bundle of certificates', () => {
  test('gives keys under both kinds of names, and under that of the curve where it is the only one', async () => {
    const [ec, rsa] = [await issue('b-ec'), await issue('b-rsa', { rsa: true })];
    const tokens = await open({ rootcertbundle: await bundle('both.pem', ec, rsa) });
    const ids = (key: Issued) =>
      [thumbprint, libtrustFingerprint].map((id) => String(id(key.certificate.publicKey)));
    for (const kid of [...ids(ec), String(curveThumbprint(ec.certificate.publicKey))]) {
      assert.notEqual(await tokens.permit(signed(ec.key, {}, { algorithm: 'ES256', keyid: kid })), undefined);
    }
    for (const kid of ids(rsa)) {
      assert.notEqual(
        await tokens.permit(signed(rsa.key, {}, { algorithm: 'RS256', keyid: kid })),
        undefined,
      );
    }
    const second = await issue('b-ec2');
    const ambiguous = await open({ rootcertbundle: await bundle('ambiguous.pem', ec, second) });
    const keyid = String(curveThumbprint(ec.certificate.publicKey));
    assert.equal(await ambiguous.permit(signed(ec.key, {}, { algorithm: 'ES256', keyid })), undefined);
  });

  test('whose certificate has run out still names a key, but proves no chain', async () => {
    const root = await issue('old', { days: 1 });
    const leaf = await issue('old-leaf', { by: 'old', extensions: leafOf });
    const time = hoursInto(root, 48);
    const tokens = await open({ rootcertbundle: await bundle('old-bundle.pem', root) }, () => time);
    const kid = String(thumbprint(root.certificate.publicKey));
    assert.notEqual(
      await tokens.permit(signParts({ alg: 'ES256', kid }, claimsAt(time), root.key)),
      undefined,
    );
    const header = { alg: 'ES256', x5c: x5c(leaf) };
    assert.equal(await tokens.permit(signParts(header, claimsAt(time), leaf.key)), undefined);
  });
});

describe('a chain in a token (T05)', () => {
  test('is taken when it leads to a root by certificates that are valid now', async () => {
    const root = await issue('root');
    const middle = await issue('middle', {
      by: 'root',
      extensions: 'basicConstraints=critical,CA:TRUE,pathlen:0',
    });
    const leaf = await issue('leaf', { by: 'middle', extensions: leafOf });
    const direct = await issue('direct', { by: 'root', extensions: leafOf });
    let time = hoursInto(direct, 1);
    const tokens = await open({ rootcertbundle: await bundle('root-bundle.pem', root) }, () => time);
    const permit = (key: Issued, ...chain: readonly Issued[]) =>
      tokens.permit(signParts({ alg: 'ES256', x5c: x5c(...chain) }, claimsAt(time), key.key));

    assert.notEqual(await permit(root, root), undefined);
    assert.notEqual(await permit(direct, direct), undefined);
    assert.notEqual(await permit(leaf, leaf, middle), undefined);
    assert.notEqual(await permit(leaf, leaf, middle, root), undefined);

    const stranger = await issue('stranger');
    assert.equal(await permit(leaf, leaf), undefined, 'a link is missing');
    assert.equal(await permit(stranger, stranger), undefined, 'it signed itself');
    assert.equal(await permit(stranger, stranger, root), undefined, 'the root did not sign it');
    assert.equal(await permit(stranger, direct), undefined, 'the key is that of another certificate');
    assert.equal(await permit(leaf, leaf, middle, middle, middle, middle, middle), undefined, 'too long');

    const notCa = await issue('under-leaf', { by: 'direct', extensions: leafOf });
    assert.equal(await permit(notCa, notCa, direct), undefined, 'a leaf is no authority');
    const deeper = await issue('deeper', { by: 'middle' });
    const tooDeep = await issue('too-deep', { by: 'deeper', extensions: leafOf });
    assert.equal(await permit(tooDeep, tooDeep, deeper, middle), undefined, 'the path was to end before');

    const short = await issue('short', { by: 'root', extensions: leafOf, days: 1 });
    assert.notEqual(await permit(short, short), undefined);
    time = hoursInto(short, 25);
    assert.equal(await permit(short, short), undefined, 'its time is over');
    assert.notEqual(await permit(direct, direct), undefined);
    time = hoursInto(root, -1);
    assert.equal(await permit(direct, direct), undefined, 'its time has not come');
  });

  test('that leads nowhere is not made up for by the name of a key', async () => {
    const root = await issue('root-b');
    const attacker = await issue('attacker');
    const time = hoursInto(attacker, 1);
    const tokens = await open({ rootcertbundle: await bundle('root-b-bundle.pem', root) }, () => time);
    const kid = String(thumbprint(root.certificate.publicKey));
    const header = { alg: 'ES256', kid, x5c: x5c(attacker) };
    assert.equal(await tokens.permit(signParts(header, claimsAt(time), attacker.key)), undefined);
    assert.notEqual(
      await tokens.permit(signParts({ alg: 'ES256', kid }, claimsAt(time), root.key)),
      undefined,
    );
    for (const chain of [['AAAA'], ['!'], [`${x5c(root)[0]} `]]) {
      assert.equal(
        await tokens.permit(signParts({ ...header, x5c: chain }, claimsAt(time), root.key)),
        undefined,
      );
    }
  });

  test('is nothing where there is no bundle', async () => {
    const key = makeEc();
    const attacker = await issue('attacker-c');
    const jwks = await keySet('c.json', { ...key.publicKey.export({ format: 'jwk' }), kid: 'k1' });
    const tokens = await open({ jwks });
    const header = { alg: 'ES256', kid: 'k1', x5c: x5c(attacker) };
    assert.equal(await tokens.permit(signParts(header, claims(), attacker.key)), undefined);
    assert.notEqual(await tokens.permit(signParts(header, claims(), key.privateKey)), undefined);
  });
});

describe('a set of keys', () => {
  test('gives keys of every kind, shared secrets included, each for its own algorithms', async () => {
    const [ec, ed, rsa, secret] = [makeEc(), makeEd(), makeRsa(), makeSecret()];
    const jwks = await keySet(
      'all.json',
      { ...ec.publicKey.export({ format: 'jwk' }), kid: 'ec', use: 'sig' },
      { ...ed.publicKey.export({ format: 'jwk' }), kid: 'ed' },
      { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'rsa', alg: 'RS256' },
      { ...secret.export({ format: 'jwk' }), kid: 'shared' },
      { ...makeEc().publicKey.export({ format: 'jwk' }), kid: 'enc', use: 'enc' },
      { kty: 'unheard-of', kid: 'new' },
    );
    const tokens = await open({ jwks });
    const permit = (alg: string, kid: string, key: Parameters<typeof signParts>[2]) =>
      tokens.permit(signParts({ alg, kid }, claims(), key));
    assert.notEqual(await permit('ES256', 'ec', ec.privateKey), undefined);
    assert.notEqual(await permit('EdDSA', 'ed', ed.privateKey), undefined);
    assert.notEqual(await permit('HS256', 'shared', secret), undefined);
    assert.notEqual(await permit('RS256', 'rsa', rsa.privateKey), undefined);
    assert.equal(
      await tokens.permit(signed(rsa.privateKey, {}, { algorithm: 'PS256', keyid: 'rsa' })),
      undefined,
    );
    assert.equal(await permit('HS256', 'rsa', secret), undefined);
    assert.equal(await permit('HS256', 'ec', secret), undefined);
    const limited = await open({ jwks, signingalgorithms: ['ES256'] });
    assert.equal(
      await limited.permit(signParts({ alg: 'EdDSA', kid: 'ed' }, claims(), ed.privateKey)),
      undefined,
    );
  });

  test('is read again when it changes, and the old one stays while the new one is of no use (T18)', async () => {
    const [old, next] = [makeEc(), makeEc()];
    const jwk = (kid: string, { publicKey }: typeof old) => ({ ...publicKey.export({ format: 'jwk' }), kid });
    const jwks = await keySet('changing.json', jwk('old', old));
    let time = NOW.getTime();
    const tokens = await open({ jwks }, () => new Date(time));
    const permit = async (kid: string, { privateKey }: typeof old) =>
      (await tokens.permit(signed(privateKey, {}, { algorithm: 'ES256', keyid: kid }))) !== undefined;
    assert.equal(await permit('old', old), true);

    await writeFile(jwks, '{"keys":[{"kty":');
    time += 6000;
    assert.equal(await permit('old', old), true);
    assert.equal(await permit('next', next), false);

    await keySet('changing.json', jwk('old', old), jwk('next', next));
    time += 6000;
    assert.deepEqual([await permit('old', old), await permit('next', next)], [true, true]);

    await keySet('changing.json', jwk('next', next));
    time += 40_000;
    assert.deepEqual([await permit('old', old), await permit('next', next)], [false, true]);
  });
});

describe('files that cannot be used', () => {
  test('end the start with one line that has nothing of them in it', async () => {
    await writeFile(at('text'), 'hunter2');
    await writeFile(at('torn.pem'), '-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n');
    const jwk = makeEc().publicKey.export({ format: 'jwk' });
    const settings: readonly (readonly [Partial<OutsideTokensSettings>, RegExp])[] = [
      [{}, /there is no key/],
      [{ jwks: at('absent') }, /cannot be read \(ENOENT\)/],
      [{ jwks: directory }, /cannot be read \(EISDIR\)/],
      [{ jwks: at('text') }, /not JSON/],
      [{ rootcertbundle: at('text') }, /no certificate in/],
      [{ rootcertbundle: at('torn.pem') }, /is damaged/],
      [{ jwks: await keySet('none.json') }, /there is no key/],
      [{ jwks: await keySet('twice.json', { ...jwk, kid: 'k' }, { ...jwk, kid: 'k' }) }, /the same kid/],
      [{ jwks: await keySet('weak.json', { kty: 'oct', k: 'aHVudGVyMg', kid: 'k' }) }, /there is no key/],
    ];
    for (const [setting, message] of settings) {
      await assert.rejects(open(setting), (error) => {
        assert.ok(error instanceof Error);
        assert.equal(error.name, 'TokenKeysError');
        assert.match(error.message, message);
        assert.ok(!`${error.stack} ${error.cause}`.includes('hunter2'));
        return true;
      });
    }
  });
});

describe('the permit of an outside token', () => {
  const key = makeEc();
  async function permitOf(access: unknown, sub: unknown = 'alice') {
    const jwks = await keySet('permit.json', { ...key.publicKey.export({ format: 'jwk' }), kid: 'k1' });
    return (await open({ jwks })).permit(
      signParts({ alg: 'ES256', kid: 'k1' }, claims({ access, sub }), key.privateKey),
    );
  }
  const grant = (...actions: string[]) => [{ type: 'repository', name: 'a/app', actions }];

  test('is of an outsider, and may be better', async () => {
    const permit = await permitOf(grant('pull'));
    assert.deepEqual(permit?.caller, { kind: 'outsider', name: 'alice', groups: [] });
    assert.equal(permit?.couldBeBetter, true);
    assert.equal((await permitOf([], ''))?.caller.name, '');
    assert.equal((await permitOf([], undefined))?.caller.kind, 'outsider');
  });

  test('allows what each word means, in that repository alone', async () => {
    const table: readonly (readonly [words: string[], allowed: string[]])[] = [
      [['pull'], ['pull']],
      [['push'], ['push', 'overwrite']],
      [['delete'], ['delete']],
      [['*'], ['pull', 'push', 'overwrite', 'delete', 'admin']],
      [
        ['pull', 'push'],
        ['pull', 'push', 'overwrite'],
      ],
      [['admin'], []],
      [['overwrite', 'PULL', ''], []],
      [[], []],
    ];
    for (const [words, allowed] of table) {
      const permit = await permitOf(grant(...words));
      const actions = ['pull', 'push', 'overwrite', 'delete', 'admin'] as const;
      assert.deepEqual(
        actions.filter((action) => permit?.may(action, app)),
        allowed,
        words.join(),
      );
      assert.ok(actions.every((action) => !permit?.may(action, other)));
    }
  });

  test('takes several entries for a repository together, and a class for nothing', async () => {
    const entries = [
      ...grant('pull'),
      { type: 'repository', class: 'plugin', name: 'a/app', actions: ['push'] },
    ];
    const permit = await permitOf(entries);
    assert.deepEqual(
      [permit?.may('pull', app), permit?.may('push', app), permit?.may('delete', app)],
      [true, true, false],
    );
    assert.equal(
      (await permitOf([{ type: 'repository(plugin)', name: 'a/app', actions: ['pull'] }]))?.may('pull', app),
      true,
    );
  });

  test('lists everything with the scope of the catalog, and nothing without', async () => {
    const permit = await permitOf([{ type: 'registry', name: 'catalog', actions: ['*'] }]);
    assert.deepEqual([permit?.mayList, permit?.maySee(app), permit?.may('pull', app)], [true, true, false]);
    const without = await permitOf(grant('*'));
    assert.deepEqual([without?.mayList, without?.maySee(app), without?.maySee(other)], [false, true, false]);
  });

  test('without access is a login', async () => {
    for (const access of [undefined, null, []]) {
      const permit = await permitOf(access);
      assert.equal(permit?.may('pull', app), false);
      assert.equal(permit?.mayList, false);
    }
  });

  test('is none where the access or the name is malformed', async () => {
    for (const access of [
      '*',
      {},
      [null],
      [{}],
      [{ type: 'repository', name: 'a/app', actions: 'pull' }],
      [{ type: 'repository', name: 7, actions: [] }],
    ]) {
      assert.equal(await permitOf(access), undefined);
    }
    for (const sub of [7, {}, 'a\nb', 'x'.repeat(256)]) assert.equal(await permitOf([], sub), undefined);
  });

  test('is remembered for half a minute, and not beyond the end of the token', async () => {
    const jwks = await keySet('remember.json', { ...key.publicKey.export({ format: 'jwk' }), kid: 'k1' });
    let time = NOW.getTime();
    const tokens = await open({ jwks }, () => new Date(time));
    const token = signed(key.privateKey, { exp: seconds - 50 });
    const permit = await tokens.permit(token);
    assert.notEqual(permit, undefined);
    assert.equal(await tokens.permit(token), permit);
    time += 10_000;
    assert.equal(await tokens.permit(token), undefined);
  });
});
