// An OpenID Connect issuer on loopback, as CI systems have one: discovery, keys that can be changed, tokens with any claims, and
// every way in which such a server can fail or deceive.
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Cleaner } from './processes.ts';

export type SigningAlgorithm = 'RS256' | 'PS256' | 'ES256' | 'ES384' | 'EdDSA';

export type Fault =
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'redirect'; readonly location: string }
  /** A body that has no end. */
  | { readonly kind: 'endless' }
  /** No answer at all. */
  | { readonly kind: 'silent' }
  | { readonly kind: 'document'; readonly body: string };

export interface IssuerKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export interface OidcIssuerOptions {
  /** What it calls itself, if not the address that it is at; the port is put in for `{port}`. */
  readonly issuer?: string;
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface OidcIssuer {
  /** The `iss` of its tokens, and where its discovery document is. */
  readonly issuer: string;
  readonly port: number;
  /** The keys that it publishes; the first one signs. */
  keys: readonly IssuerKey[];
  /** The `Cache-Control` of its answers. */
  cacheControl: string | undefined;
  /** What is wrong with its discovery document or its keys at the moment. */
  readonly faults: { discovery?: Fault | undefined; keys?: Fault | undefined };
  /** Members that are put over those of the discovery document. */
  readonly discovery: { [name: string]: unknown };
  /** The paths that were asked for so far. */
  readonly requests: readonly string[];
  /** Connections so far, also of clients that asked for nothing. */
  readonly connections: number;
  /** Signs with the first key; `iss`, `iat`, `nbf` and `exp` are put in where they are not given. */
  token(claims: object, change?: TokenChange): string;
}

export interface TokenChange {
  readonly key?: IssuerKey;
  /** Put over the header; a member that is `undefined` is left out. */
  readonly header?: object;
}

/** Seconds that a token lives, as GitHub has it. */
const TOKEN_LIFE = 300;

export async function startOidcIssuer(
  cleaner: Cleaner,
  options: OidcIssuerOptions = {},
): Promise<OidcIssuer> {
  const requests: string[] = [];
  let connections = 0;
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    requests.push(request.url ?? '');
    if (request.url === '/.well-known/openid-configuration') {
      const document = { issuer: issuer.issuer, jwks_uri: `${origin}/keys`, ...issuer.discovery };
      reply(response, issuer.faults.discovery, document, issuer.cacheControl);
    } else if (request.url === '/keys') {
      const document = { keys: issuer.keys.map(publicJwk) };
      reply(response, issuer.faults.keys, document, issuer.cacheControl);
    } else response.writeHead(404).end();
  };
  const server =
    options.tls === undefined ? createHttpServer(answer) : createHttpsServer(options.tls, answer);
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleaner.after(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  const { port } = address;
  const origin = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;

  const issuer: OidcIssuer = {
    issuer: options.issuer?.replace('{port}', String(port)) ?? origin,
    port,
    keys: [makeIssuerKey('ES256', 'first')],
    cacheControl: undefined,
    faults: {},
    discovery: {},
    requests,
    get connections() {
      return connections;
    },
    token(claims, { key = issuer.keys[0], header = {} } = {}) {
      if (key === undefined) throw new TypeError('an issuer without keys cannot sign');
      const now = Math.floor(Date.now() / 1000);
      const times = { iat: now, nbf: now, exp: now + TOKEN_LIFE };
      return signToken({ iss: issuer.issuer, ...times, ...claims }, key, header);
    },
  };
  return issuer;
}

export function makeIssuerKey(algorithm: SigningAlgorithm, kid: string): IssuerKey {
  return { kid, algorithm, ...makeKeyPair(algorithm) };
}

/** Signs whatever it is told to, with the header `alg`, `typ` and `kid` of the key and the changes to it. */
export function signToken(claims: object, key: IssuerKey, header: object = {}): string {
  const head = { alg: key.algorithm, typ: 'JWT', kid: key.kid, ...header };
  const signed = [head, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${signed}.${signatureOf(signed, key).toString('base64url')}`;
}

export function publicJwk({ kid, algorithm, publicKey }: IssuerKey): object {
  return { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: algorithm };
}

function makeKeyPair(algorithm: SigningAlgorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519');
  if (algorithm === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  if (algorithm === 'ES384') return generateKeyPairSync('ec', { namedCurve: 'P-384' });
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
}

function signatureOf(text: string, { algorithm, privateKey: key }: IssuerKey): Buffer {
  const data = Buffer.from(text);
  if (algorithm === 'EdDSA') return sign(null, data, key);
  if (algorithm === 'RS256') return sign('sha256', data, key);
  // RSA_PKCS1_PSS_PADDING, with a salt as long as the digest (RFC 7518, 3.5).
  if (algorithm === 'PS256') return sign('sha256', data, { key, padding: 6, saltLength: 32 });
  return sign(`sha${algorithm.slice(2)}`, data, { key, dsaEncoding: 'ieee-p1363' });
}

function reply(
  response: ServerResponse,
  fault: Fault | undefined,
  document: object,
  cacheControl: string | undefined,
): void {
  const headers = {
    'Content-Type': 'application/json',
    ...(cacheControl && { 'Cache-Control': cacheControl }),
  };
  switch (fault?.kind) {
    case undefined:
      response.writeHead(200, headers).end(JSON.stringify(document));
      return;
    case 'status':
      response.writeHead(fault.status, headers).end(JSON.stringify(document));
      return;
    case 'redirect':
      response.writeHead(302, { Location: fault.location }).end();
      return;
    case 'document':
      response.writeHead(200, headers).end(fault.body);
      return;
    case 'silent':
      return;
    case 'endless':
      response.writeHead(200, headers);
      pour(response);
  }
}

function pour(response: ServerResponse): void {
  if (response.destroyed) return;
  response.write(' '.repeat(16 * 1024), () => setImmediate(() => pour(response)));
}

const stable = (text: string) => createHash('sha256').update(text).digest('hex');

/** What GitHub Actions says of a job (docs.github.com, "OpenID Connect reference"). */
export function githubClaims(repository: string, ref: string, audience: string): { [claim: string]: string } {
  const [owner = ''] = repository.split('/');
  return {
    jti: stable(ref).slice(0, 32),
    sub: `repo:${repository}:ref:${ref}`,
    aud: audience,
    ref,
    ref_type: ref.startsWith('refs/tags/') ? 'tag' : 'branch',
    ref_protected: 'true',
    sha: stable(repository).slice(0, 40),
    repository,
    repository_id: '74',
    repository_owner: owner,
    repository_owner_id: '65',
    repository_visibility: 'private',
    run_id: '30433642',
    run_number: '10',
    run_attempt: '2',
    actor: 'octocat',
    actor_id: '12',
    workflow: 'publish',
    workflow_ref: `${repository}/.github/workflows/publish.yml@${ref}`,
    job_workflow_ref: `${repository}/.github/workflows/publish.yml@${ref}`,
    head_ref: '',
    base_ref: '',
    event_name: 'push',
    runner_environment: 'github-hosted',
  };
}

/** What GitLab CI says of a job (docs.gitlab.com, "OpenID Connect (OIDC) Authentication Using ID Tokens"). */
export function gitlabClaims(
  project: string,
  branch: string,
  audience: string,
): { [claim: string]: unknown } {
  return {
    jti: stable(branch).slice(0, 32),
    sub: `project_path:${project}:ref_type:branch:ref:${branch}`,
    aud: audience,
    project_id: '20',
    project_path: project,
    namespace_id: '72',
    namespace_path: project.split('/').slice(0, -1).join('/'),
    user_id: '1',
    user_login: 'sample-user',
    user_email: 'sample-user@example.com',
    groups_direct: ['acme', 'acme/backend'],
    pipeline_id: '574',
    pipeline_source: 'push',
    job_id: '302',
    ref: branch,
    ref_type: 'branch',
    ref_path: `refs/heads/${branch}`,
    ref_protected: 'true',
    runner_environment: 'gitlab-hosted',
    sha: stable(project).slice(0, 40),
  };
}

/** What Kubernetes says of a pod by a projected service account token. */
export function kubernetesClaims(
  namespace: string,
  account: string,
  audience: string,
): { [claim: string]: unknown } {
  return {
    sub: `system:serviceaccount:${namespace}:${account}`,
    aud: [audience],
    jti: stable(account).slice(0, 32),
    'kubernetes.io': {
      namespace,
      node: { name: 'node-1', uid: '646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1' },
      pod: { name: `${account}-5c4b8d`, uid: '5e0bd49b-f040-43b0-99b7-22765a53f7f3' },
      serviceaccount: { name: account, uid: '14ee3fa4-a7e2-420f-9f9a-dbc4507c3798' },
    },
  };
}
