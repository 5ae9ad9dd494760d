// TLS as a client meets it: versions, suites, protocols, certificates that change, clients that do not play by the rules.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { startHttpServer } from '../../src/http/server.ts';
import { makeCertificates } from '../support/certificates.ts';
import { exchange, open, received } from '../support/raw-http.ts';
import { makeClientCertificate, openTlsRegistry, type TlsRegistry } from '../support/tls.ts';

/** A handshake that has to work. */
async function handshake(
  { port, certificates }: TlsRegistry,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    ca: certificates.ca,
    servername: 'localhost',
    ...options,
  });
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  return socket;
}

/** Whether a client with these options gets an answer over HTTP/1.1. */
async function isServed(registry: TlsRegistry, options: ConnectionOptions = {}): Promise<boolean> {
  const { port, certificates } = registry;
  const sent = request({
    host: '127.0.0.1',
    port,
    path: '/v2/',
    ca: certificates.ca,
    agent: false,
    ...options,
  });
  sent.end();
  try {
    const [response] = await once(sent, 'response');
    response.resume();
    return response.statusCode === 200;
  } catch {
    return false;
  }
}

async function refusal(registry: TlsRegistry, options: ConnectionOptions): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: registry.port, rejectUnauthorized: false, ...options });
  const [error] = await once(socket, 'error');
  return error.code;
}

test('HTTP/1.1 and HTTP/2 are spoken on one port, as the client asks in the handshake', async (t) => {
  const registry = await openTlsRegistry(t);
  for (const [asked, agreed] of [
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1'], 'http/1.1'],
    [undefined, false],
  ] as const) {
    const socket = await handshake(registry, asked === undefined ? {} : { ALPNProtocols: [...asked] });
    assert.equal(socket.alpnProtocol, agreed);
    socket.destroy();
  }
  assert.equal(await isServed(registry), true);
});

test('with http.http2.disabled only HTTP/1.1 is agreed on', async (t) => {
  const registry = await openTlsRegistry(t, { http2: false });
  const socket = await handshake(registry, { ALPNProtocols: ['h2', 'http/1.1'] });
  assert.equal(socket.alpnProtocol, 'http/1.1');
  socket.destroy();
});

test('TLS 1.0 and 1.1 and weak suites are refused, and the server lives on', async (t) => {
  const registry = await openTlsRegistry(t);
  const old = { minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  assert.match(await refusal(registry, { ...old, maxVersion: 'TLSv1' }), /^(ERR_SSL|ECONNRESET|EPROTO)/);
  assert.match(await refusal(registry, { ...old, maxVersion: 'TLSv1.1' }), /^(ERR_SSL|ECONNRESET|EPROTO)/);
  for (const ciphers of ['AES128-SHA', 'ECDHE-ECDSA-AES128-SHA', 'AES256-GCM-SHA384']) {
    assert.match(await refusal(registry, { maxVersion: 'TLSv1.2', ciphers }), /^(ERR_SSL|ECONNRESET)/);
  }
  const socket = await handshake(registry, { maxVersion: 'TLSv1.2' });
  assert.equal(socket.getProtocol(), 'TLSv1.2');
  socket.destroy();
});

test('with minimumtls tls1.3 a client of TLS 1.2 is refused', async (t) => {
  const registry = await openTlsRegistry(t, { tls: { minimumtls: 'tls1.3' } });
  assert.match(await refusal(registry, { maxVersion: 'TLSv1.2' }), /^(ERR_SSL|ECONNRESET)/);
  assert.equal(await isServed(registry), true);
});

test('a name that is junk gets the certificate or nothing, and the server lives on', async (t) => {
  const registry = await openTlsRegistry(t);
  for (const servername of ['x'.repeat(255), '..', '__proto__', '*.*', 'a\0b', '\u00ff'.repeat(60), '-']) {
    const socket = connect({ host: '127.0.0.1', port: registry.port, servername, rejectUnauthorized: false });
    await Promise.race([once(socket, 'secureConnect'), once(socket, 'error'), once(socket, 'close')]).catch(
      () => undefined,
    );
    socket.destroy();
  }
  const noise = Buffer.concat([Buffer.from([0x16, 0x03, 0x01, 0x40, 0x00]), Buffer.alloc(0x4000, 0xff)]);
  await exchange(registry.port, noise);
  await exchange(
    registry.port,
    Buffer.from([0x16, 0x03, 0x01, 0x00, 0x00]).toString('latin1') + '\0'.repeat(64),
  );
  assert.equal(await isServed(registry), true);
});

test('plain HTTP gets a 400 that a person can read', async (t) => {
  const { port } = await openTlsRegistry(t);
  const answer = String(await exchange(port, 'GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n'));
  assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
  assert.match(answer, /Client sent an HTTP request to an HTTPS server/);
  assert.equal(String(await exchange(port, 'SSH-2.0-OpenSSH_9.2\r\n')), '');
});

test('connections that never finish their handshake hold up neither others nor the end', async (t) => {
  const registry = await openTlsRegistry(t);
  const sockets = await Promise.all(Array.from({ length: 50 }, () => open(registry.port)));
  for (const socket of sockets.slice(25)) socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02]));
  assert.equal(await isServed(registry), true);
  assert.equal(await registry.close(200), 0);
  for (const socket of sockets) socket.destroy();
});

test('a certificate that was replaced is shown to new clients, and nobody is cut off', async (t) => {
  const registry = await openTlsRegistry(t);
  const { files } = registry.certificates;
  const before = await handshake(registry);
  const other = await makeCertificates(t);
  const serial = before.getPeerCertificate().serialNumber;

  await copyFile(other.files.certificate, files.certificate);
  while (!registry.logLines.some((line) => line.includes('the old ones stay in use'))) await sleep(10);
  const between = await handshake(registry);
  assert.equal(between.getPeerCertificate().serialNumber, serial, 'a pair that does not match is not used');

  await copyFile(other.files.key, files.key);
  while (!registry.logLines.some((line) => line.includes('changed and are in use'))) await sleep(10);
  const after = await handshake(registry, { ca: other.ca });
  assert.notEqual(after.getPeerCertificate().serialNumber, serial);
  before.write('GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.match(String(await received(before)), /^HTTP\/1\.1 200 /);
  const told = registry.logLines.filter((line) => line.includes('the old ones stay in use'));
  assert.equal(told.length, 1);
  for (const socket of [between, after]) socket.destroy();
});

test('a certificate that has expired, or soon will, and a key that all can read are told at the start', async (t) => {
  const certificates = await makeCertificates(t);
  const lines = async (now: Date) => {
    const { logLines } = await openTlsRegistry(t, { certificates, now: () => now });
    return logLines.join('');
  };
  const day = 24 * 60 * 60 * 1000;
  assert.doesNotMatch(await lines(new Date(Date.now())), /expired|cannot|every user/);
  assert.match(await lines(new Date(Date.now() + 20 * day)), /"level":40.*expires at/);
  assert.match(await lines(new Date(Date.now() + 60 * day)), /"level":40.*expired at/);
  await chmod(certificates.files.key, 0o644);
  assert.match(await lines(new Date()), /every user of this machine can read the key/);
});

test('files that cannot be used stop the start with one line that holds nothing of the key', async (t) => {
  const certificates = await makeCertificates(t);
  const other = await makeCertificates(t);
  const { certificate } = certificates.files;
  const mixed = { ...certificates, files: { ...certificates.files, key: other.files.key } };
  const name = 'CertificateError';
  await assert.rejects(openTlsRegistry(t, { certificates: mixed }), { name, message: /is not the key of/ });
  const missing = { clientcas: [`${certificate}.missing`] };
  await assert.rejects(openTlsRegistry(t, { certificates, tls: missing }), {
    name,
    message: /cannot be read/,
  });
  await writeFile(certificates.files.key, 'secret');
  await assert.rejects(openTlsRegistry(t, { certificates }), (error: Error) => {
    assert.match(error.message, /does not hold a private key/);
    assert.doesNotMatch(error.message + String(error.cause), /secret/);
    return true;
  });
});

for (const [clientauth, none, good, foreign] of [
  ['request-client-cert', true, true, true],
  ['require-any-client-cert', false, true, true],
  ['verify-client-cert-if-given', true, true, false],
  ['require-and-verify-client-cert', false, true, false],
] as const) {
  test(`${clientauth} lets in whom it says, over both versions of TLS`, async (t) => {
    const certificates = await makeCertificates(t);
    const tls = { clientauth, clientcas: [certificates.files.ca] };
    const registry = await openTlsRegistry(t, { certificates, tls });
    const known = await makeClientCertificate(certificates);
    const unknown = await makeClientCertificate(certificates, { signedByItself: true });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      assert.equal(await isServed(registry, { maxVersion }), none, 'without a certificate');
      assert.equal(await isServed(registry, { maxVersion, ...known }), good, 'with one of the authority');
      assert.equal(await isServed(registry, { maxVersion, ...unknown }), foreign, 'with one of nobody');
    }
  });
}

test('a stop waits for a request over HTTP/2 and tells its client to go elsewhere', async (t) => {
  const registry = await openTlsRegistry(t);
  const client = connectHttp2(`https://127.0.0.1:${registry.port}`, { ca: registry.certificates.ca });
  const goaway = once(client, 'goaway');
  const path =
    '/v2/app/blobs/uploads/?digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
  const upload = client.request({ ':method': 'POST', ':path': path });
  upload.write('hel');
  await once(upload, 'ready').catch(() => undefined);
  await sleep(50);
  const closed = registry.close(10_000);
  await goaway;
  upload.end('lo');
  const [headers] = await once(upload, 'response');
  assert.equal(headers[':status'], 201);
  upload.resume();
  assert.equal(await closed, 0);
});

test('without TLS a client may begin with HTTP/2 where http.h2c says so, and HTTP/1.1 is spoken beside it', async (t) => {
  const server = await startHttpServer(
    (incoming, response) => void response.end(incoming.httpVersion),
    { host: '127.0.0.1', port: 0 },
    { http2: true },
  );
  t.after(() => server.close(0));
  const url = `http://127.0.0.1:${server.port}`;
  assert.equal(await (await fetch(url)).text(), '1.1');
  const client = connectHttp2(url);
  const answer = client.request({ ':path': '/' });
  let text = '';
  for await (const chunk of answer) text += chunk;
  assert.equal(text, '2.0');
  client.close();
  const slow = connectPlain({ host: '127.0.0.1', port: server.port ?? 0 });
  for (const part of ['G', 'ET / HTTP/1.1\r\nConnection: close\r\n', 'Host: a\r\n\r\n']) {
    slow.write(part);
    await sleep(10);
  }
  assert.match(String(await received(slow)), /1\.1$/);
});
