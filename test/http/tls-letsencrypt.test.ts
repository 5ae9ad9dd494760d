// Certificates that the server gets by itself, from an authority of the tests that checks the challenge against it.
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect } from 'node:tls';
import { pino } from 'pino';
import { startHttpServer } from '../../src/http/server.ts';
import { openAutomaticEndpoint } from '../../src/http/tls/acme/automatic-endpoint.ts';
import { offersChallenge } from '../../src/http/tls/acme/client-hello.ts';
import { type AcmeAuthority, startAcmeAuthority } from '../support/acme-authority.ts';
import { privateDirectory } from '../support/processes.ts';
import { exchange, received } from '../support/raw-http.ts';

const HOST = 'registry.acme.example';
const DAY_MS = 24 * 60 * 60 * 1000;

interface Setting {
  readonly authority: AcmeAuthority;
  readonly cachefile: string;
  readonly hosts?: readonly string[];
  readonly now?: () => Date;
  readonly retryMs?: number;
}

async function open(t: TestContext, { authority, cachefile, hosts = [HOST], now, retryMs = 20 }: Setting) {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const tls = await openAutomaticEndpoint(
    {
      letsencrypt: { cachefile, hosts, directoryurl: authority.directoryUrl, email: 'ops@acme.example' },
      clientcas: [],
      clientauth: 'require-and-verify-client-cert',
      minimumtls: 'tls1.2',
      ciphers: 'HIGH',
    },
    { log, pollMs: 10, retryMs, ...(now && { now }) },
  );
  const server = await startHttpServer(
    (_request, response) => void response.end('hello'),
    { host: '127.0.0.1', port: 0 },
    { tls, http2: true },
  );
  let closing: Promise<number> | undefined;
  const close = () => {
    closing ??= server.close(0);
    return closing;
  };
  t.after(close);
  authority.reach(server.port ?? 0);
  const told = async (pattern: RegExp) => {
    while (!lines.some((line) => pattern.test(line))) await sleep(10);
  };
  return { port: server.port ?? 0, lines, told, close };
}

/** The certificate that a client gets; an error's code if it gets none. */
async function certificateFor(port: number, options: ConnectionOptions): Promise<X509Certificate | string> {
  const socket = connect({ host: '127.0.0.1', port, ...options });
  socket.on('error', () => undefined);
  try {
    await once(socket, 'secureConnect');
    return new X509Certificate(socket.getPeerCertificate().raw);
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  } finally {
    socket.destroy();
  }
}

async function prepare(t: TestContext) {
  return { authority: await startAcmeAuthority(t), cachefile: await privateDirectory('autocert', t) };
}

test('a certificate is got for each host and kept as the registry image keeps it', async (t) => {
  const { authority, cachefile } = await prepare(t);
  const hosts = [HOST, 'other.acme.example'];
  const { port, told, lines } = await open(t, { authority, cachefile, hosts });
  for (const host of hosts) await told(new RegExp(`"host":"${host}".*got a certificate`));
  for (const host of hosts) {
    const certificate = await certificateFor(port, { ca: authority.ca, servername: host });
    assert.ok(certificate instanceof X509Certificate, String(certificate));
    assert.equal(certificate.subjectAltName, `DNS:${host}`);
  }
  assert.deepEqual((await readdir(cachefile)).sort(), ['acme_account+key', ...hosts.toReversed()].sort());
  const kept = await readFile(join(cachefile, HOST), 'utf8');
  assert.match(
    kept,
    /^-----BEGIN EC PRIVATE KEY-----[\s\S]+-----END EC PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----/,
  );
  assert.equal((await stat(join(cachefile, HOST))).mode & 0o077, 0);
  assert.equal(authority.requests.filter((path) => path === '/order').length, 2);
  assert.doesNotMatch(lines.join(''), /PRIVATE KEY/);
});

test('names that are not in the list get no certificate, nor do clients that name none', async (t) => {
  const { authority, cachefile } = await prepare(t);
  const { port, told } = await open(t, { authority, cachefile });
  await told(/got a certificate/);
  for (const servername of ['evil.example', `a.${HOST}`, '__proto__', 'x'.repeat(255)]) {
    assert.equal(typeof (await certificateFor(port, { rejectUnauthorized: false, servername })), 'string');
  }
  assert.equal(typeof (await certificateFor(port, { rejectUnauthorized: false })), 'string');
  const upper = await certificateFor(port, { ca: authority.ca, servername: HOST.toUpperCase() });
  assert.ok(upper instanceof X509Certificate);
  assert.deepEqual(authority.issued, [HOST]);
});

test('when no challenge runs, who asks for its certificate gets none', async (t) => {
  const { authority, cachefile } = await prepare(t);
  const { port, told } = await open(t, { authority, cachefile });
  await told(/got a certificate/);
  const asked = { rejectUnauthorized: false, servername: HOST, ALPNProtocols: ['acme-tls/1'] };
  assert.equal(typeof (await certificateFor(port, asked)), 'string');
  assert.match(String(await exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')), /^HTTP\/1\.1 400 /);
});

test('a server that starts again goes on with what is kept, and asks for nothing', async (t) => {
  const { authority, cachefile } = await prepare(t);
  const first = await open(t, { authority, cachefile });
  await first.told(/got a certificate/);
  await first.close();
  const asked = authority.requests.length;
  const second = await open(t, { authority, cachefile });
  const certificate = await certificateFor(second.port, { ca: authority.ca, servername: HOST });
  assert.ok(certificate instanceof X509Certificate);
  await sleep(100);
  assert.equal(authority.requests.length, asked);
});

test('a certificate is renewed thirty days before its end, over the account that there is, and nobody is cut off', async (t) => {
  const { authority, cachefile } = await prepare(t);
  let now = new Date();
  const { port, told, lines } = await open(t, { authority, cachefile, now: () => now });
  await told(/got a certificate/);
  const before = connect({ host: '127.0.0.1', port, ca: authority.ca, servername: HOST });
  await once(before, 'secureConnect');
  now = new Date(now.getTime() + 59 * DAY_MS);
  await sleep(100);
  assert.deepEqual(authority.issued, [HOST]);
  authority.setDays(180);
  now = new Date(now.getTime() + 2 * DAY_MS);
  while (lines.filter((line) => line.includes('got a certificate')).length < 2) await sleep(10);
  const after = await certificateFor(port, { ca: authority.ca, servername: HOST });
  assert.ok(after instanceof X509Certificate);
  assert.notEqual(after.serialNumber, before.getPeerCertificate().serialNumber);
  before.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.match(String(await received(before)), /hello/);
});

test('a challenge that fails is tried again later and later, also by a server that starts again', async (t) => {
  const { authority, cachefile } = await prepare(t);
  const first = await open(t, { authority, cachefile, retryMs: 60_000 });
  // Nothing listens there: the authority cannot check the name.
  authority.reach(1);
  await first.told(/no certificate could be got/);
  await first.close();
  const orders = () => authority.requests.filter((path) => path === '/order').length;
  assert.equal(orders(), 1);
  const second = await open(t, { authority, cachefile, retryMs: 20 });
  await sleep(100);
  assert.equal(orders(), 1, 'the time has not come yet');
  await second.close();
  const third = await open(t, { authority, cachefile, now: () => new Date(Date.now() + 61_000) });
  await third.told(/got a certificate/);
  assert.deepEqual((await readdir(cachefile)).sort(), ['acme_account+key', HOST]);
});

test('an authority that asks for time gets it', async (t) => {
  const { authority, cachefile } = await prepare(t);
  authority.refuseOrders({ status: 429, retryAfter: '3600' });
  const { lines, told } = await open(t, { authority, cachefile });
  await told(/no certificate could be got/);
  const line = JSON.parse(lines.find((text) => text.includes('no certificate could')) ?? '{}');
  assert.equal(line.retryInMs, 3_600_000);
  assert.match(line.err.message, /429: rateLimited says the test/);
});

test('a nonce that is refused is replaced', async (t) => {
  const { authority, cachefile } = await prepare(t);
  authority.refuseNonces(2);
  const { told, lines } = await open(t, { authority, cachefile });
  await told(/got a certificate/);
  assert.doesNotMatch(lines.join(''), /no certificate could be got/);
});

test('a hello that breaks off anywhere, or is noise, is no challenge', async (t) => {
  const hello = await helloOf(t);
  assert.equal(offersChallenge(hello), true);
  for (let length = 0; length < hello.length; length += 1) offersChallenge(hello.subarray(0, length));
  for (let seed = 0; seed < 300; seed += 1) {
    const noise = createHash('shake256', { outputLength: 400 }).update(String(seed)).digest();
    assert.equal(offersChallenge(noise), false);
  }
  assert.equal(offersChallenge(Buffer.alloc(600)), false);
});

/** What a client sends first that wants a challenge answered. */
async function helloOf(t: TestContext): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => void server.close());
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const client = connect({ host: '127.0.0.1', port, servername: HOST, ALPNProtocols: ['acme-tls/1'] });
  client.on('error', () => undefined);
  const [socket] = await once(server, 'connection');
  const [bytes] = await once(socket, 'data');
  client.destroy();
  socket.destroy();
  return bytes;
}
