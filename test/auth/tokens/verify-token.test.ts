import assert from 'node:assert/strict';
import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import jsonwebtoken from 'jsonwebtoken';
import { ALGORITHMS, type Algorithm, verificationKey } from '../../../src/auth/tokens/algorithms.ts';
import { type FindKey, type TokenFault, verifyToken } from '../../../src/auth/tokens/verify-token.ts';
import {
  claims,
  encode,
  makeEc,
  makeEd,
  makeRsa,
  makeSecret,
  now,
  seconds,
  signed,
  signParts,
  usable,
} from './tokens-for-tests.ts';

const ec = makeEc();
const rsa = makeRsa();
const ed = makeEd();
const secret = makeSecret();
const ecHeader = { alg: 'ES256', typ: 'JWT', kid: 'k1' };

/** Keys under their names; nothing under any other. */
const keys = new Map([
  ['k1', usable(ec.publicKey)],
  ['rsa', usable(rsa.publicKey)],
  ['ed', usable(ed.publicKey)],
  ['p384', usable(makeEc('secp384r1').publicKey)],
]);
const findKey: FindKey = ({ kid }) => keys.get(kid ?? '');

interface Judged {
  readonly subject: unknown;
  readonly fault: TokenFault | undefined;
}

async function judge(
  token: string,
  find: FindKey = findKey,
  algorithms?: readonly Algorithm[],
): Promise<Judged> {
  const faults: TokenFault[] = [];
  const verified = await verifyToken(token, find, {
    issuer: 'https://issuer.test',
    audiences: ['registry.test'],
    now,
    onRefusal: (fault) => faults.push(fault),
    ...(algorithms && { algorithms }),
  });
  assert.equal(faults.length, verified === undefined ? 1 : 0, 'a refusal is told once, and nothing else is');
  return { subject: verified?.claims['sub'], fault: faults[0] };
}

async function assertRefused(
  token: string,
  fault: TokenFault,
  find?: FindKey,
  algorithms?: readonly Algorithm[],
) {
  assert.deepEqual(await judge(token, find, algorithms), { subject: undefined, fault });
}

async function assertGood(token: string, find?: FindKey, algorithms?: readonly Algorithm[]) {
  assert.deepEqual(await judge(token, find, algorithms), { subject: 'alice', fault: undefined });
}

describe('a token that is right', () => {
  for (const [kid, algorithm, key] of [
    ['k1', 'ES256', ec.privateKey],
    ['rsa', 'RS256', rsa.privateKey],
    ['rsa', 'RS384', rsa.privateKey],
    ['rsa', 'RS512', rsa.privateKey],
    ['rsa', 'PS256', rsa.privateKey],
    ['rsa', 'PS384', rsa.privateKey],
    ['rsa', 'PS512', rsa.privateKey],
  ] as const) {
    test(`is taken when it is signed with ${algorithm}`, async () => {
      await assertGood(signed(key, {}, { algorithm, keyid: kid }));
    });
  }

  for (const [curve, algorithm] of [
    ['secp384r1', 'ES384'],
    ['secp521r1', 'ES512'],
  ] as const) {
    test(`is taken when it is signed with ${algorithm}`, async () => {
      const { publicKey, privateKey } = makeEc(curve);
      const token = signParts({ alg: algorithm }, claims(), privateKey, algorithm.replace('ES', 'sha'));
      await assertGood(token, () => usable(publicKey));
    });
  }

  test('is taken when it is signed with EdDSA', async () => {
    await assertGood(signParts({ alg: 'EdDSA', kid: 'ed' }, claims(), ed.privateKey));
  });

  test('is taken with a shared secret only where that was asked for', async () => {
    const token = signed(secret, {}, { algorithm: 'HS256' });
    await assertGood(token, () => usable(secret), ALGORITHMS);
    await assertRefused(token, 'algorithm', () => usable(secret));
  });

  test('is taken with our service as one of several audiences', async () => {
    await assertGood(signed(ec.privateKey, { aud: ['other.test', 'registry.test'] }));
  });

  test('is taken without nbf, iat, typ and access', async () => {
    const body = claims({ nbf: undefined, iat: undefined, access: undefined });
    await assertGood(signParts({ alg: 'ES256', kid: 'k1' }, body, ec.privateKey));
  });

  test('gives all claims and the moment from which it is refused', async () => {
    const rules = { issuer: 'https://issuer.test', audiences: ['registry.test'], now };
    const verified = await verifyToken(signed(ec.privateKey, { extra: { a: 1 } }), findKey, rules);
    assert.deepEqual(verified?.claims['extra'], { a: 1 });
    assert.equal(verified?.refusedFrom.getTime(), (seconds + 360) * 1000);
    assert.equal(verified?.header.kid, 'k1');
  });
});

describe('the algorithm', () => {
  test('is never none, in any spelling (T01)', async () => {
    const body = encode(claims());
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '', undefined, null, 0, ['ES256']]) {
      const head = encode({ alg, typ: 'JWT', kid: 'k1' });
      await assertRefused(`${head}.${body}.`, 'malformed');
      await assertRefused(`${head}.${body}.AAAA`, 'malformed');
      await assertRefused(`${head}.${body}`, 'malformed');
    }
  });

  test('is not shared-secret over the text of a public key (T02)', async () => {
    const pem = String(rsa.publicKey.export({ format: 'pem', type: 'spki' }));
    const texts = [
      pem,
      pem.trimEnd(),
      ` ${pem}`,
      `${pem}\n`,
      String(rsa.publicKey.export({ format: 'pem', type: 'pkcs1' })),
      rsa.publicKey.export({ format: 'der', type: 'spki' }),
      JSON.stringify(rsa.publicKey.export({ format: 'jwk' })),
    ];
    for (const text of texts) {
      const token = signParts({ alg: 'HS256', kid: 'rsa' }, claims(), createSecretKey(Buffer.from(text)));
      await assertRefused(token, 'algorithm');
      await assertRefused(token, 'algorithm', findKey, ALGORITHMS);
    }
  });

  test('has to fit the type and the curve of the key', async () => {
    await assertRefused(signParts({ alg: 'RS256', kid: 'k1' }, claims(), rsa.privateKey), 'algorithm');
    await assertRefused(signParts({ alg: 'EdDSA', kid: 'k1' }, claims(), ed.privateKey), 'algorithm');
    await assertRefused(signParts({ alg: 'ES256', kid: 'p384' }, claims(), ec.privateKey), 'algorithm');
    await assertRefused(signParts({ alg: 'ES256', kid: 'ed' }, claims(), ec.privateKey), 'algorithm');
  });

  test('is one that the rules name', async () => {
    await assertRefused(signed(ec.privateKey), 'algorithm', findKey, ['RS256']);
  });
});

describe('the key', () => {
  test('is not empty for a name that nobody knows (T03)', async () => {
    const [head, body] = [encode({ alg: 'HS256', kid: 'nobody' }), encode(claims())];
    const signature = createHmac('sha256', '').update(`${head}.${body}`).digest('base64url');
    await assertRefused(`${head}.${body}.${signature}`, 'unknownKey', findKey, ALGORITHMS);
    assert.equal(verificationKey(createSecretKey(Buffer.alloc(0))), undefined);
  });

  test('is too weak below 2048 bits of RSA, and with a secret shorter than its hash', () => {
    assert.equal(verificationKey(createSecretKey(randomBytes(31))), undefined);
    assert.deepEqual(verificationKey(createSecretKey(randomBytes(32)))?.algorithms, ['HS256']);
    assert.equal(verificationKey(makeEc('secp256k1').publicKey), undefined);
  });

  test('is never the one that the token brings (T04)', async () => {
    const attacker = makeEc();
    const jwk = attacker.publicKey.export({ format: 'jwk' });
    await assertRefused(signParts({ ...ecHeader, jwk }, claims(), attacker.privateKey), 'signature');
    await assertRefused(signParts({ alg: 'ES256', jwk }, claims(), attacker.privateKey), 'unknownKey');
    await assertGood(signParts({ ...ecHeader, jwk }, claims(), ec.privateKey));
  });

  test('is the one of its name, and no other', async () => {
    await assertRefused(signed(makeEc().privateKey), 'signature');
    for (const kid of ['constructor', '__proto__', 'toString', '../k1', 'K1', 'k1 ']) {
      await assertRefused(signed(ec.privateKey, {}, { algorithm: 'ES256', keyid: kid }), 'unknownKey');
    }
  });

  test('is not looked for at all for a token of somebody else', async () => {
    let asked = 0;
    const find: FindKey = () => {
      asked += 1;
      return undefined;
    };
    await assertRefused(signed(ec.privateKey, { iss: 'https://else.test' }), 'issuer', find);
    await assertRefused(signed(ec.privateKey, { exp: seconds - 1000 }), 'expired', find);
    assert.equal(asked, 0);
  });
});

describe('addresses in a token (T05)', () => {
  let connections = 0;
  const server = createServer();
  server.on('connection', () => {
    connections += 1;
  });
  before(() => new Promise<void>((done) => server.listen(0, '127.0.0.1', done)));
  after(() => new Promise((done) => server.close(done)));

  test('are never asked', async () => {
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/keys`;
    const attacker = makeEc();
    await assertRefused(
      signParts({ ...ecHeader, jku: url, x5u: url }, claims(), attacker.privateKey),
      'signature',
    );
    await assertRefused(
      signParts({ alg: 'ES256', kid: url, jku: url }, claims(), attacker.privateKey),
      'unknownKey',
    );
    assert.equal(connections, 0);
  });
});

describe('the form', () => {
  test('has no extensions that change its meaning (T07, T19)', async () => {
    for (const extension of [
      { crit: ['exp'] },
      { crit: [] },
      { crit: 'b64' },
      { crit: null },
      { b64: false },
      { b64: true },
      { b64: false, crit: ['b64'] },
      { zip: 'DEF' },
      { enc: 'A256GCM' },
      { cty: 'JWT' },
      { cty: 'jwt' },
      { cty: 'application/jwt' },
      { typ: 'JOSE+JSON' },
      { typ: 7 },
      { kid: 7 },
      { kid: 'k'.repeat(513) },
      { x5c: 'no list' },
      { x5c: [7] },
    ]) {
      await assertRefused(signParts({ ...ecHeader, ...extension }, claims(), ec.privateKey), 'malformed');
    }
  });

  test('is canonical base64url in three parts (T19)', async () => {
    const good = signed(ec.privateKey);
    const [head = '', body = '', signature = ''] = good.split('.');
    for (const token of [
      '',
      '.',
      '..',
      'a.b.c',
      `${good}=`,
      `${good} `,
      ` ${good}`,
      `${good}\n`,
      `${head}=.${body}.${signature}`,
      `${head}.${body}.${signature}==`,
      `${head}.${body} .${signature}`,
      `${head}.${body}`,
      `${head}.${body}.`,
      `.${body}.${signature}`,
      `${good}.`,
      `${good}.${signature}`,
      `${head}.${body}.${signature.replace(/.$/, '+')}`,
      good.replace('.', '..'),
      Buffer.from(good).toString('base64url'),
    ]) {
      await assertRefused(token, 'malformed');
    }
  });

  test('has no spare bits that make two texts of one signature', async () => {
    const good = signed(ec.privateKey);
    const others = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'].map(
      (letter) => good.slice(0, -1) + letter,
    );
    const taken: string[] = [];
    for (const token of others) if ((await judge(token)).fault === undefined) taken.push(token);
    assert.deepEqual(taken, [good]);
  });

  test('has no key twice, and is an object in UTF-8 (T19)', async () => {
    const body = JSON.stringify(claims());
    for (const [head, text] of [
      ['{"alg":"none","alg":"ES256","kid":"k1"}', body],
      ['{"alg":"ES256","kid":"k1","alg":"ES256"}', body],
      ['{"alg":"ES256","kid":"k1","\\u0061lg":"none"}', body],
      [JSON.stringify(ecHeader), body.replace('{', '{"iss":"https://else.test",')],
      [JSON.stringify(ecHeader), '[]'],
      [JSON.stringify(ecHeader), 'null'],
      [JSON.stringify(ecHeader), '"text"'],
      [JSON.stringify(ecHeader), `\ufeff${body}`],
      [JSON.stringify(ecHeader), `${'['.repeat(3000)}`],
      ['[]', body],
    ] as const) {
      await assertRefused(signParts(head, text, ec.privateKey), 'malformed');
    }
  });

  test('is no token within a token (T19)', async () => {
    const inner = signed(ec.privateKey);
    await assertRefused(signParts({ ...ecHeader, cty: 'JWT' }, inner, ec.privateKey), 'malformed');
    await assertRefused(signParts(ecHeader, inner, ec.privateKey), 'malformed');
  });

  test('is bounded in length before anything is looked at (T11)', async () => {
    await assertRefused('a'.repeat(2 ** 16), 'tooLong');
    await assertRefused('.'.repeat(100_000), 'tooLong');
    await assertRefused('.'.repeat(8192), 'malformed');
    await assertRefused(signed(ec.privateKey, { pad: 'x'.repeat(2 ** 20) }), 'tooLong');
    await assertRefused(signed(ec.privateKey, { pad: 'x'.repeat(8192) }), 'tooLong');
    await assertGood(signed(ec.privateKey, { pad: 'x'.repeat(4096) }));
  });

  test('refuses every change of a single character', async () => {
    const good = signed(ec.privateKey);
    for (let at = 0; at < good.length; at += 7) {
      const other = good[at] === 'A' ? 'B' : 'A';
      const token = good.slice(0, at) + other + good.slice(at + 1);
      assert.notEqual((await judge(token)).fault, undefined, `character ${at}`);
    }
  });
});

describe('issuer and audience (T08, T13)', () => {
  test('have to be exactly ours', async () => {
    for (const iss of [
      undefined,
      '',
      'https://issuer.test/',
      'https://ISSUER.test',
      ['https://issuer.test'],
      null,
    ]) {
      await assertRefused(signParts(ecHeader, claims({ iss }), ec.privateKey), 'issuer');
    }
    for (const aud of [
      undefined,
      '',
      [],
      'registry',
      'registry.test.',
      ['other.test'],
      ['registry.test', 7],
      {},
      null,
    ]) {
      await assertRefused(signParts(ecHeader, claims({ aud }), ec.privateKey), 'audience');
    }
  });
});

describe('times (T09)', () => {
  test('hold with a leeway of a minute and no more', async () => {
    await assertGood(signed(ec.privateKey, { exp: seconds - 59 }));
    await assertRefused(signed(ec.privateKey, { exp: seconds - 60 }), 'expired');
    await assertGood(signed(ec.privateKey, { nbf: seconds + 60 }));
    await assertRefused(signed(ec.privateKey, { nbf: seconds + 61 }), 'notYetValid');
    await assertRefused(signParts(ecHeader, claims({ iat: seconds + 61 }), ec.privateKey), 'notYetValid');
  });

  test('are numbers of a size that is a time', async () => {
    const body = JSON.stringify(claims());
    const exp = `"exp":${seconds + 300}`;
    for (const instead of [
      '"x":1',
      '"exp":"9999999999"',
      '"exp":1e308',
      '"exp":-1',
      '"exp":null',
      '"exp":true',
      '"exp":[1]',
    ]) {
      await assertRefused(signParts(ecHeader, body.replace(exp, instead), ec.privateKey), 'malformed');
    }
    for (const time of ['0', null, 1e300, true]) {
      await assertRefused(signParts(ecHeader, claims({ nbf: time }), ec.privateKey), 'malformed');
      await assertRefused(signParts(ecHeader, claims({ iat: time }), ec.privateKey), 'malformed');
    }
  });
});

test('a key set that fails is a failure, and no refusal', async () => {
  const find: FindKey = () => Promise.reject(new Error('no connection'));
  await assert.rejects(
    judge(jsonwebtoken.sign(claims(), ec.privateKey, { algorithm: 'ES256' }), find),
    /no connection/,
  );
});
