// A certificate authority that speaks ACME (RFC 8555), on loopback and for tests alone. It checks what a real one does:
// signatures, nonces, the challenge tls-alpn-01 against the server itself, and the request for the certificate.
import {
  createHash,
  createPublicKey,
  randomUUID,
  verify,
  type webcrypto,
  X509Certificate,
} from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { makeCertificates } from './certificates.ts';
import { runCommand } from './command.ts';
import { type Cleaner, privateDirectory } from './processes.ts';

export interface AcmeAuthority {
  readonly directoryUrl: string;
  /** Its own certificate, PEM. */
  readonly ca: string;
  /** Paths of all requests that were right, in their order. */
  readonly requests: readonly string[];
  readonly issued: readonly string[];
  /** Where the server is that answers the challenges, whatever its name. */
  reach(port: number): void;
  /** Days that certificates last from now on. */
  setDays(days: number): void;
  /** Refuses so many nonces from now on, as if they had been used. */
  refuseNonces(count: number): void;
  /** Answers new orders with this status from now on; undefined for as it should be. */
  refuseOrders(refusal: { readonly status: number; readonly retryAfter?: string } | undefined): void;
}

interface Order {
  readonly host: string;
  readonly token: string;
  readonly account: string;
  status: string;
  authorization: string;
  error?: object;
  certificate?: string;
}

interface Signed {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: Readonly<Record<string, unknown>> | undefined;
  readonly thumbprint: string;
  readonly account: string;
}

const ACME_IDENTIFIER = Buffer.from('06082b0601050507011f', 'hex');

export async function startAcmeAuthority(cleaner: Cleaner): Promise<AcmeAuthority> {
  const { ca, files } = await makeCertificates(cleaner);
  const directory = await privateDirectory('acme', cleaner);
  const nonces = new Set<string>();
  const accounts = new Map<string, webcrypto.JsonWebKey>();
  const orders = new Map<string, Order>();
  const requests: string[] = [];
  const issued: string[] = [];
  let reachable = 0;
  let days = 90;
  let badNonces = 0;
  let orderRefusal: { readonly status: number; readonly retryAfter?: string } | undefined;

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (error instanceof Problem) return reply(response, error.status, error.body, error.headers);
      reply(response, 500, { type: 'serverInternal', detail: String(error) });
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  cleaner.after(async () => {
    server.closeAllConnections();
    server.close();
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    const nonce = randomUUID();
    nonces.add(nonce);
    response.setHeader('Replay-Nonce', nonce);
    if (path === '/directory') {
      const at = (name: string) => `${base}/${name}`;
      return reply(response, 200, {
        newNonce: at('nonce'),
        newAccount: at('account'),
        newOrder: at('order'),
      });
    }
    if (path === '/nonce') return reply(response, 200, {});
    const signed = await readSigned(request, `${base}${path}`);
    requests.push(path);
    await answer(path, signed, response);
  }

  async function answer(path: string, signed: Signed, response: ServerResponse): Promise<void> {
    const [, kind = '', id = ''] = path.split('/');
    if (kind === 'account') return reply(response, 201, { status: 'valid' }, { Location: signed.account });
    if (kind === 'order' && id === '') return beginOrder(signed, response);
    const order = orders.get(id);
    if (order === undefined || order.account !== signed.account) throw new Problem(404, 'malformed');
    if (kind === 'challenge') {
      order.authorization = 'processing';
      void validate(order, signed.thumbprint);
    }
    if (kind === 'finalize') await finalize(order, signed, id);
    if (kind === 'certificate') {
      response.writeHead(200, { 'Content-Type': 'application/pem-certificate-chain' });
      return void response.end(order.certificate);
    }
    reply(
      response,
      200,
      kind === 'authorization' || kind === 'challenge' ? authorizationOf(order, id) : orderOf(order, id),
    );
  }

  function beginOrder({ payload, account }: Signed, response: ServerResponse): void {
    if (orderRefusal !== undefined) {
      const { status, retryAfter } = orderRefusal;
      throw new Problem(status, 'rateLimited', retryAfter === undefined ? {} : { 'Retry-After': retryAfter });
    }
    const [identifier] = (payload?.['identifiers'] ?? []) as readonly { type: string; value: string }[];
    const id = randomUUID();
    const host = identifier?.value ?? '';
    const order = { host, token: randomUUID(), account, status: 'pending', authorization: 'pending' };
    orders.set(id, order);
    reply(response, 201, orderOf(order, id), { Location: `${base}/order/${id}` });
  }

  function orderOf({ status, certificate, error }: Order, id: string) {
    return {
      status,
      authorizations: [`${base}/authorization/${id}`],
      finalize: `${base}/finalize/${id}`,
      ...(certificate !== undefined && { certificate: `${base}/certificate/${id}` }),
      ...(error && { error }),
    };
  }

  function authorizationOf({ host, authorization, token, error }: Order, id: string) {
    const challenge = { url: `${base}/challenge/${id}`, token, ...(error && { error }) };
    const challenges = ['http-01', 'tls-alpn-01'].map((type) => ({ type, ...challenge }));
    return { status: authorization, identifier: { type: 'dns', value: host }, challenges };
  }

  /** RFC 8737, section 3. */
  async function validate(order: Order, thumbprint: string): Promise<void> {
    try {
      const socket = connect({
        host: '127.0.0.1',
        port: reachable,
        servername: order.host,
        ALPNProtocols: ['acme-tls/1'],
        rejectUnauthorized: false,
      });
      await once(socket, 'secureConnect');
      const { alpnProtocol } = socket;
      const certificate = new X509Certificate(socket.getPeerCertificate().raw);
      socket.destroy();
      const proof = createHash('sha256').update(`${order.token}.${thumbprint}`).digest();
      const extension = Buffer.concat([ACME_IDENTIFIER, Buffer.from('0101ff04220420', 'hex'), proof]);
      const isRight =
        alpnProtocol === 'acme-tls/1' &&
        certificate.subjectAltName === `DNS:${order.host}` &&
        certificate.verify(certificate.publicKey) &&
        certificate.raw.includes(extension);
      if (!isRight) throw new Error('the certificate is not the one of the challenge');
      order.authorization = 'valid';
      order.status = 'ready';
    } catch (error) {
      order.authorization = 'invalid';
      order.status = 'invalid';
      order.error = { type: 'urn:ietf:params:acme:error:tls', detail: String(error) };
    }
  }

  async function finalize(order: Order, { payload }: Signed, id: string): Promise<void> {
    if (order.status !== 'ready') throw new Problem(403, 'orderNotReady');
    const at = (name: string) => join(directory, `${id}.${name}`);
    await writeFile(at('der'), Buffer.from(String(payload?.['csr']), 'base64url'));
    const request = ['-in', at('der'), '-inform', 'DER'];
    const shown = await runCommand(['openssl', 'req', ...request, '-verify', '-noout', '-text'], {
      directory,
    });
    if (!shown.stdout.includes(`DNS:${order.host}`)) throw new Problem(400, 'badCSR');
    const authority = ['-CA', files.ca, '-CAkey', join(files.ca, '..', 'ca.key'), '-CAcreateserial'];
    const made = ['-copy_extensions', 'copy', '-days', String(days), '-out', at('pem')];
    await runCommand(['openssl', 'x509', '-req', ...request, ...authority, ...made], { directory });
    order.certificate = (await readFile(at('pem'), 'utf8')) + ca;
    order.status = 'valid';
    issued.push(order.host);
  }

  /** RFC 8555, sections 6.2 to 6.5. */
  async function readSigned(request: IncomingMessage, url: string): Promise<Signed> {
    const jws = JSON.parse(await text(request));
    const header = JSON.parse(Buffer.from(jws.protected, 'base64url').toString());
    const isFresh = nonces.delete(header.nonce);
    if (!isFresh || badNonces > 0) {
      badNonces -= isFresh ? 1 : 0;
      throw new Problem(400, 'badNonce');
    }
    if (request.headers['content-type'] !== 'application/jose+json') throw new Problem(415, 'malformed');
    if (header.url !== url || header.alg !== 'ES256') throw new Problem(401, 'unauthorized');
    const isNew = url === `${base}/account`;
    const jwk: webcrypto.JsonWebKey | undefined = isNew ? header.jwk : accounts.get(header.kid);
    if (jwk === undefined) throw new Problem(400, 'accountDoesNotExist');
    const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' } as const;
    const isSigned = verify(
      'sha256',
      Buffer.from(`${jws.protected}.${jws.payload}`),
      key,
      Buffer.from(jws.signature, 'base64url'),
    );
    if (!isSigned) throw new Problem(401, 'unauthorized');
    const { crv, kty, x, y } = jwk;
    const thumbprint = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
    const account = `${base}/account/${thumbprint}`;
    if (isNew) accounts.set(account, jwk);
    const payload =
      jws.payload === '' ? undefined : JSON.parse(Buffer.from(jws.payload, 'base64url').toString());
    return { header, payload, thumbprint, account };
  }

  return {
    directoryUrl: `${base}/directory`,
    ca,
    requests,
    issued,
    reach(port) {
      reachable = port;
    },
    setDays(count) {
      days = count;
    },
    refuseNonces(count) {
      badNonces = count;
    },
    refuseOrders(refusal) {
      orderRefusal = refusal;
    },
  };
}

class Problem extends Error {
  readonly status: number;
  readonly body: object;
  readonly headers: Record<string, string>;

  constructor(status: number, type: string, headers: Record<string, string> = {}) {
    super(type);
    this.status = status;
    this.body = { type: `urn:ietf:params:acme:error:${type}`, detail: 'says the test' };
    this.headers = headers;
  }
}

function reply(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
