import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openSigningKeys, readSigningKeys } from '../../../src/auth/tokens/signing-keys.ts';
import { AUTH } from '../../../src/registry/layout.ts';
import { createMemoryDriver } from '../../../storage-drivers/memory/memory-driver.ts';
import { makeEc, makeEd, makeRsa, NOW } from './tokens-for-tests.ts';

const TOKEN_LIFE = 300;

/** Replicas over one store, with one clock that only the test moves. */
function makeReplicas() {
  const driver = createMemoryDriver();
  let time = NOW.getTime();
  return {
    driver,
    open: (algorithm: 'ES256' | 'RS256' = 'ES256') =>
      openSigningKeys({ driver, algorithm, tokenLife: TOKEN_LIFE, now: () => new Date(time) }),
    pass: (seconds: number) => {
      time += seconds * 1000;
    },
  };
}

const kids = (jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] }) =>
  jwks.keys.map(({ kid }) => String(kid));

describe('keys kept in storage', () => {
  test('are made at the first start, and found at the next', async () => {
    const { open, driver } = makeReplicas();
    const first = await (await open()).signer();
    const again = await (await open()).signer();
    assert.equal(again.kid, first.kid);
    assert.equal(first.algorithm, 'ES256');
    assert.deepEqual(
      (await driver.list(`${AUTH}/keys`)).map(({ name }) => name),
      [first.kid],
    );
  });

  test('are RSA where that is wanted', async () => {
    const { open } = makeReplicas();
    const keys = await open('RS256');
    const { kid, algorithm } = await keys.signer();
    assert.equal(algorithm, 'RS256');
    assert.ok((await keys.find(kid))?.algorithms.includes('RS256'));
  });

  test('are published without their private half', async () => {
    const keys = await makeReplicas().open();
    const { keys: published } = await keys.jwks();
    assert.deepEqual(
      published.map((jwk) => Object.keys(jwk).sort()),
      [['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']],
    );
  });

  test('of replicas that start at the same moment are all good, and all sign with one of them in the end', async () => {
    const { open, pass } = makeReplicas();
    const replicas = await Promise.all([open(), open(), open()]);
    const signers = await Promise.all(replicas.map((keys) => keys.signer()));
    for (const keys of replicas) {
      for (const { kid } of signers) assert.notEqual(await keys.find(kid), undefined);
    }
    pass(31);
    const later = await Promise.all(replicas.map((keys) => keys.signer()));
    assert.equal(new Set(later.map(({ kid }) => kid)).size, 1);
  });

  test('are seen at once when another replica signs with one that is not known yet', async () => {
    const { open } = makeReplicas();
    const here = await open();
    const there = await open();
    const { kid } = await there.rotate();
    assert.notEqual(await here.find(kid), undefined);
  });

  test('cost the storage one look in two seconds for names that somebody makes up', async () => {
    const { driver } = makeReplicas();
    let lists = 0;
    const counting = {
      ...driver,
      list: (...parameters: Parameters<typeof driver.list>) => {
        lists += 1;
        return driver.list(...parameters);
      },
    };
    let time = NOW.getTime();
    const keys = await openSigningKeys({
      driver: counting,
      tokenLife: TOKEN_LIFE,
      now: () => new Date(time),
    });
    lists = 0;
    for (let at = 0; at < 50; at += 1) await keys.find(`${at}`.padStart(43, 'A'));
    assert.equal(lists, 1);
    time += 2000;
    await keys.find('B'.repeat(43));
    assert.equal(lists, 2);
    for (const kid of ['', '../users/admin', 'x', 'é'.repeat(43)]) await keys.find(kid);
    assert.equal(lists, 2);
  });

  test('overlap when they are rotated: published first, then signing, and verifying until the last token has run out', async () => {
    const { open, pass, driver } = makeReplicas();
    const here = await open();
    const there = await open();
    const old = await here.signer();
    pass(1000);
    const next = await there.rotate();
    assert.equal((await here.signer()).kid, old.kid);
    assert.deepEqual(new Set(kids(await here.jwks())), new Set([old.kid, next.kid]));
    pass(120);
    assert.equal((await here.signer()).kid, next.kid);
    assert.equal((await there.signer()).kid, next.kid);
    // The last replica to notice may have signed with the old one until now.
    pass(120 + TOKEN_LIFE + 59);
    assert.notEqual(await here.find(old.kid), undefined);
    pass(2);
    assert.equal(await here.find(old.kid), undefined);
    assert.deepEqual(kids(await here.jwks()), [next.kid]);
    await here.rotate();
    const kept = (await driver.list(`${AUTH}/keys`)).map(({ name }) => name);
    assert.ok(!kept.includes(old.kid), 'the next rotation clears it away');
    assert.equal(kept.length, 2);
  });

  test('are distrusted everywhere within half a minute once they are removed (T18)', async () => {
    const { open, pass } = makeReplicas();
    const here = await open();
    const there = await open();
    const { kid } = await here.signer();
    await there.remove(kid);
    assert.equal(await there.find(kid), undefined);
    assert.notEqual((await there.signer()).kid, kid);
    pass(30);
    assert.equal(await here.find(kid), undefined);
    assert.equal((await here.signer()).kid, (await there.signer()).kid);
    await there.remove('../../users/admin');
  });

  test('that are damaged, or stored under another name, end the start with a word that has no key in it', async () => {
    const { driver, open } = makeReplicas();
    const { kid } = await (await open()).signer();
    const record = await driver.read(`${AUTH}/keys/${kid}`);
    const other = 'A'.repeat(43);
    await driver.write(`${AUTH}/keys/${other}`, record);
    await assert.rejects(open(), { name: 'SigningKeyError', message: /another key/ });
    await driver.write(`${AUTH}/keys/${other}`, Buffer.from('{"version":1,"privateKey":"hunter2"}'));
    await assert.rejects(open(), (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, /damaged/);
      assert.ok(!error.message.includes('hunter2'));
      return true;
    });
  });
});

describe('keys given in a file', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-keys-'));
  });
  after(() => rm(directory, { recursive: true }));

  async function write(name: string, ...texts: unknown[]): Promise<string> {
    const path = join(directory, name);
    await writeFile(path, texts.join(''));
    return path;
  }

  test('sign with the first one and verify with all', async () => {
    const [rsa, ec] = [makeRsa(), makeEc()];
    const path = await write(
      'two.pem',
      ec.privateKey.export({ format: 'pem', type: 'sec1' }),
      rsa.privateKey.export({ format: 'pem', type: 'pkcs1' }),
    );
    const keys = await readSigningKeys(path);
    assert.equal((await keys.signer()).algorithm, 'ES256');
    const published = await keys.jwks();
    assert.deepEqual(
      published.keys.map(({ alg }) => alg),
      ['ES256', 'RS256'],
    );
    for (const kid of kids(published)) assert.notEqual(await keys.find(kid), undefined);
    assert.equal(await keys.find('other'), undefined);
  });

  test('are refused in one line when they cannot sign', async () => {
    const pem = { format: 'pem', type: 'pkcs8' } as const;
    const rejected: readonly (readonly [string, RegExp])[] = [
      [await write('none.pem', 'nothing'), /no private key/],
      [await write('ed.pem', makeEd().privateKey.export(pem)), /P-256, or RSA/],
      [await write('p384.pem', makeEc('secp384r1').privateKey.export(pem)), /P-256, or RSA/],
      [
        await write('torn.pem', '-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----'),
        /not a private key/,
      ],
      [join(directory, 'absent.pem'), /cannot be read \(ENOENT\)/],
    ];
    for (const [path, message] of rejected) {
      await assert.rejects(readSigningKeys(path), { name: 'SigningKeyError', message });
    }
    const path = await write('ec.pem', makeEc().privateKey.export(pem));
    await assert.rejects(readSigningKeys(path, 'RS256'), { message: /for ES256, and not for RS256/ });
  });
});
