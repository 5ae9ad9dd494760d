// Who a client is by its certificate.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { pino } from 'pino';
import type { Caller } from '../../src/auth/caller.ts';
import { startHttpServer } from '../../src/http/server.ts';
import { certificateCaller } from '../../src/http/tls/client-certificate.ts';
import { type ClientAuth, openTlsEndpoint } from '../../src/http/tls/tls-endpoint.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { received } from '../support/raw-http.ts';
import { type ClientCertificate, makeClientCertificate } from '../support/tls.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

/** A server that answers with the caller that it sees. */
async function open(t: TestContext, clientauth: ClientAuth, certificates: Certificates, now?: () => Date) {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const { certificate, key, ca } = certificates.files;
  const tls = await openTlsEndpoint(
    { certificate, key, clientcas: [ca], clientauth, minimumtls: 'tls1.2', ciphers: 'HIGH' },
    { log, lookMs: 20 },
  );
  const server = await startHttpServer(
    (request: IncomingMessage, response) => {
      response.end(JSON.stringify(certificateCaller(request, now?.()) ?? null));
    },
    { host: '127.0.0.1', port: 0 },
    { tls, http2: true },
  );
  t.after(() => server.close(0));
  return { port: server.port ?? 0, lines, ca: certificates.ca };
}

type Server = Awaited<ReturnType<typeof open>>;

async function connected({ port, ca }: Server, options: object = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

/** What a client needs to go on with a session later. TLS 1.2 gives it with the handshake, TLS 1.3 some time after. */
async function sessionOf({ port, ca }: Server, options: object): Promise<Buffer> {
  const socket = connect({ host: '127.0.0.1', port, ca, ...options });
  const ticket = once(socket, 'session');
  socket.write(REQUEST);
  const [session] = await ticket;
  await received(socket);
  return session;
}

async function callerOf(server: Server, options: object = {}): Promise<Caller | null> {
  const socket = await connected(server, options);
  socket.write(REQUEST);
  const text = String(await received(socket));
  return JSON.parse(
    text.slice(text.indexOf('{') < 0 ? text.lastIndexOf('null') : text.indexOf('{'), endOf(text)),
  );
}

/** The body is chunked where its length is not known; here it is one piece. */
function endOf(text: string): number {
  return text.indexOf('{') < 0 ? text.lastIndexOf('null') + 4 : text.lastIndexOf('}') + 1;
}

async function certificateOf(
  certificates: Certificates,
  subject: string,
  names?: string,
): Promise<ClientCertificate> {
  return makeClientCertificate(certificates, { subject, ...(names !== undefined && { names }) });
}

test('the common name is the name, organisations and units are the groups, over both versions of HTTP', async (t) => {
  const certificates = await makeCertificates(t);
  const server = await open(t, 'verify-client-cert-if-given', certificates);
  const own = await certificateOf(
    certificates,
    '/O=acme/O=other/OU=ops/CN=alice',
    'email:alice@acme.example,URI:spiffe://acme/a',
  );
  const caller = await callerOf(server, own);
  assert.equal(caller?.kind, 'certificate');
  assert.equal(caller.name, 'alice');
  assert.deepEqual(caller.groups, ['acme', 'other', 'ops']);
  assert.equal(caller.claims?.['issuer'], 'CN=tests');
  assert.deepEqual(caller.claims?.['sans'], ['email:alice@acme.example', 'URI:spiffe://acme/a']);
  assert.match(String(caller.claims?.['fingerprint256']), /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  assert.match(String(caller.claims?.['serial']), /^[0-9A-F]+$/);

  const client = connectHttp2(`https://127.0.0.1:${server.port}`, { ca: server.ca, ...own });
  t.after(() => client.destroy());
  let text = '';
  for await (const chunk of client.request({ ':path': '/' })) text += chunk;
  assert.deepEqual(JSON.parse(text), caller);
});

test('without a common name a mail address, a URI or a host name is the name, in this order', async (t) => {
  const certificates = await makeCertificates(t);
  const server = await open(t, 'verify-client-cert-if-given', certificates);
  const nameOf = async (names: string) =>
    (await callerOf(server, await certificateOf(certificates, '/O=acme', names)))?.name;
  assert.equal(await nameOf('DNS:host.example,URI:spiffe://acme/b,email:b@acme.example'), 'b@acme.example');
  assert.equal(await nameOf('DNS:host.example,URI:spiffe://acme/b'), 'spiffe://acme/b');
  assert.equal(await nameOf('DNS:host.example'), 'host.example');
});

test('special characters in a name pass for no other attribute', async (t) => {
  const certificates = await makeCertificates(t);
  const server = await open(t, 'verify-client-cert-if-given', certificates);
  const nameOf = async (subject: string) =>
    (await callerOf(server, await certificateOf(certificates, subject)))?.name;
  assert.equal(await nameOf('/CN=alice, O=admins'), 'alice, O=admins');
  assert.equal(await nameOf('/CN=a=b\\+c'), 'a=b+c');
  assert.equal(await nameOf('/CN=a\nCN=b'), undefined, 'a line break');
  assert.deepEqual(
    (await callerOf(server, await certificateOf(certificates, '/CN=a\nO=admins')))?.groups ?? [],
    [],
  );
});

test('nobody is somebody without a certificate that an authority vouches for', async (t) => {
  const certificates = await makeCertificates(t);
  for (const clientauth of ['request-client-cert', 'require-any-client-cert'] as const) {
    const server = await open(t, clientauth, certificates);
    const stranger = await makeClientCertificate(certificates, { signedByItself: true });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
      assert.equal(await callerOf(server, { maxVersion, ...stranger }), null);
      if (clientauth === 'request-client-cert') assert.equal(await callerOf(server, { maxVersion }), null);
    }
  }
});

test('a session that is resumed is who it was, and nobody if it was nobody', async (t) => {
  const certificates = await makeCertificates(t);
  const server = await open(t, 'request-client-cert', certificates);
  const known = await makeClientCertificate(certificates);
  const stranger = await makeClientCertificate(certificates, { signedByItself: true });
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
    for (const [certificate, name] of [
      [known, 'alice'],
      [stranger, undefined],
      [{}, undefined],
    ] as const) {
      const session = await sessionOf(server, { maxVersion, ...certificate });
      const again = await connected(server, { maxVersion, ...certificate, session });
      assert.equal(again.isSessionReused(), true);
      again.destroy();
      assert.equal((await callerOf(server, { maxVersion, ...certificate, session }))?.name, name);
    }
  }
});

test('a certificate that expires after the handshake names nobody any more', async (t) => {
  const certificates = await makeCertificates(t);
  let now = new Date();
  const server = await open(t, 'verify-client-cert-if-given', certificates, () => now);
  const known = await makeClientCertificate(certificates);
  const socket = await connected(server, known);
  now = new Date(now.getTime() + 3 * 24 * 60 * 60 * 1000);
  socket.write(REQUEST);
  assert.match(String(await received(socket)), /null/);
});

test('a name of an authority that is not believed any more is not taken from a new connection or a resumed session', async (t) => {
  const certificates = await makeCertificates(t);
  const other = await makeCertificates(t);
  const server = await open(t, 'request-client-cert', certificates);
  const known = await makeClientCertificate(certificates);
  const idle = await connected(server, known);
  const http2 = connectHttp2(`https://127.0.0.1:${server.port}`, { ca: server.ca, ...known });
  const goaway = once(http2, 'goaway');
  t.after(() => http2.destroy());
  await once(http2, 'connect');
  const session = await sessionOf(server, known);
  assert.equal((await callerOf(server, { ...known, session }))?.name, 'alice');

  const ended = received(idle);
  await copyFile(other.files.ca, certificates.files.ca);
  while (!server.lines.some((line) => line.includes('changed and are in use'))) await sleep(10);
  await Promise.all([ended, goaway]);
  assert.equal(await callerOf(server, known), null);
  assert.equal(await callerOf(server, { ...known, session }), null);
});
