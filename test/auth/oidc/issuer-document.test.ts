import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import {
  createDocumentReader,
  DocumentError,
  type DocumentReaderSettings,
} from '../../../src/auth/oidc/issuer-document.ts';
import { makeCertificates } from '../../support/certificates.ts';
import { startOidcIssuer } from '../../support/oidc-issuer.ts';
import { inReverse } from '../../support/processes.ts';

/** Long enough for every answer that comes. */
const PATIENT_MS = 30_000;
const LOOPBACK = [{ address: '127.0.0.1', family: 4 }];

test('a document comes with the time that it may be kept', async (t) => {
  const issuer = await startOidcIssuer(t);
  const at = new URL('/keys', issuer.issuer);
  assert.equal((await reader()(at)).maxAge, undefined);
  for (const [header, expected] of [
    ['public, max-age=86400', 86400],
    ['Max-Age=0', 0],
    ['max-age=60, no-store', 0],
    ['no-cache', 0],
    ['max-age=soon', undefined],
    ['s-maxage=5', undefined],
  ] as const) {
    issuer.cacheControl = header;
    assert.equal((await reader()(at)).maxAge, expected, header);
  }
});

test('a redirect is not followed, not even to the same host', async (t) => {
  const issuer = await startOidcIssuer(t);
  const other = await startOidcIssuer(t);
  for (const location of [`${other.issuer}/keys`, '/.well-known/openid-configuration']) {
    issuer.faults.keys = { kind: 'redirect', location };
    await assert.rejects(reader()(new URL('/keys', issuer.issuer)), /answered 302/);
  }
  assert.equal(other.connections, 0);
  assert.deepEqual(issuer.requests, ['/keys', '/keys']);
});

test('an answer without an end is cut', async (t) => {
  const issuer = await startOidcIssuer(t);
  issuer.faults.keys = { kind: 'endless' };
  await assert.rejects(reader()(new URL('/keys', issuer.issuer)), /larger than 262144 bytes/);
});

test('an issuer that says nothing is given up', async (t) => {
  const issuer = await startOidcIssuer(t);
  issuer.faults.keys = { kind: 'silent' };
  await assert.rejects(reader({ timeoutMs: 50 })(new URL('/keys', issuer.issuer)), DocumentError);
});

test('a resolver that says nothing is given up', async () => {
  const read = reader({ timeoutMs: 50, resolve: () => new Promise(() => {}) });
  await assert.rejects(read(new URL('http://issuer.test/keys')), DocumentError);
});

test('what is no JSON, or has a name twice, is no document', async (t) => {
  const issuer = await startOidcIssuer(t);
  for (const body of ['', '<html>', '{"keys":[],"keys":[]}']) {
    issuer.faults.keys = { kind: 'document', body };
    await assert.rejects(reader()(new URL('/keys', issuer.issuer)), DocumentError);
  }
});

test('an error status is no document, whatever comes with it', async (t) => {
  const issuer = await startOidcIssuer(t);
  for (const status of [204, 401, 404, 500, 503]) {
    issuer.faults.keys = { kind: 'status', status };
    await assert.rejects(reader()(new URL('/keys', issuer.issuer)), new RegExp(`answered ${status}`));
  }
});

for (const host of ['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]', 'issuer.test']) {
  test(`https://${host} is not even connected to unless private addresses are allowed`, async (t) => {
    const issuer = await startOidcIssuer(t);
    const read = reader({
      allowPrivateAddresses: false,
      ...(host === 'issuer.test' ? { resolve: async () => LOOPBACK } : {}),
    });
    await assert.rejects(
      read(new URL(`https://${host}:${issuer.port}/keys`)),
      /not an address of the internet/,
    );
    assert.equal(issuer.connections, 0);
  });
}

test('a name that leads to loopback is reached if private addresses are allowed', async (t) => {
  const issuer = await startOidcIssuer(t);
  const read = reader({ resolve: async () => LOOPBACK });
  await read(new URL(`http://issuer.test:${issuer.port}/keys`));
  assert.equal(issuer.connections, 1);
});

test('a name that leads elsewhere at the second time is judged anew', async (t) => {
  const issuer = await startOidcIssuer(t);
  const answers = [LOOPBACK, [{ address: '93.184.215.14', family: 4 }]];
  // Turned around: what was private at first is public then, so that nothing leaves this machine.
  const read = reader({ resolve: async () => answers.shift() ?? [] });
  const url = new URL(`http://issuer.test:${issuer.port}/keys`);
  await read(url);
  await assert.rejects(read(url), /an address of the internet, and http is not safe/);
});

test('without TLS nothing is asked for unless private addresses are allowed', async (t) => {
  const issuer = await startOidcIssuer(t);
  const read = reader({ allowPrivateAddresses: false });
  await assert.rejects(read(new URL('/keys', issuer.issuer)), /is not an https address/);
  await assert.rejects(reader()(new URL('ftp://127.0.0.1/keys')), /is not an https address/);
  assert.equal(issuer.connections, 0);
});

test('a certificate is believed if its authority is the given one', async (t) => {
  const { issuer, ca } = await startTlsIssuer(t);
  const { content } = await reader({ ca })(new URL('/keys', issuer.issuer));
  assert.ok(typeof content === 'object');
});

test('a certificate of an unknown authority is not believed', async (t) => {
  const { issuer } = await startTlsIssuer(t);
  await assert.rejects(reader()(new URL('/keys', issuer.issuer)), DocumentError);
  assert.deepEqual(issuer.requests, []);
});

test('a certificate for another name is not believed', async (t) => {
  const { issuer, ca } = await startTlsIssuer(t);
  const read = reader({ ca, resolve: async () => LOOPBACK });
  await assert.rejects(read(new URL(`https://issuer.test:${issuer.port}/keys`)), DocumentError);
  assert.deepEqual(issuer.requests, []);
});

async function startTlsIssuer(t: TestContext) {
  const cleaner = inReverse({ after: (fn) => t.after(fn) });
  const { ca, files } = await makeCertificates(cleaner);
  const tls = { cert: await readFile(files.certificate, 'utf8'), key: await readFile(files.key, 'utf8') };
  return { issuer: await startOidcIssuer(cleaner, { tls }), ca };
}

function reader(settings: Partial<DocumentReaderSettings> = {}) {
  return createDocumentReader({
    allowPrivateAddresses: true,
    ca: undefined,
    timeoutMs: PATIENT_MS,
    ...settings,
  });
}
