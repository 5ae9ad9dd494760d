// A token server outside of the registry, as the Docker token specification has it: by GET only, without refresh tokens.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type IssuerKey, signToken } from './oidc-issuer.ts';
import type { Cleaner } from './processes.ts';

export interface TokenServerOptions {
  readonly issuer: string;
  readonly service: string;
  readonly key: IssuerKey;
  /** Its users, with their passwords and what they may do in every repository. */
  readonly users: Readonly<
    Record<string, { readonly password: string; readonly actions: readonly string[] }>
  >;
}

export interface TokenServer {
  readonly realm: string;
  /** Every token that was given away. */
  readonly tokens: readonly string[];
}

/** Starts it on a port of loopback; it goes at the end of the test. Whoever shows no password may do nothing. */
export async function startTokenServer(
  cleaner: Cleaner,
  { issuer, service, key, users }: TokenServerOptions,
): Promise<TokenServer> {
  const tokens: string[] = [];
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const [, encoded = ''] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    const [, name = '', password] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? [];
    const user = users[name];
    if (request.method !== 'GET' || searchParams.get('service') !== service) {
      response.writeHead(404).end();
      return;
    }
    if (encoded !== '' && (user === undefined || user.password !== password)) {
      response.writeHead(401).end();
      return;
    }
    const wanted = searchParams.getAll('scope').flatMap((scope) => scope.split(' '));
    const access = wanted.map((scope) => {
      const [type = '', repository = '', actions = ''] = scope.split(':');
      const granted = actions.split(',').filter((action) => user?.actions.includes(action));
      return { type, name: repository, actions: granted };
    });
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer, aud: service, sub: name, jti: randomUUID(), access };
    const token = signToken({ ...claims, iat: now, nbf: now - 10, exp: now + 300 }, key);
    tokens.push(token);
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ token, expires_in: 300, issued_at: new Date().toISOString() }));
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
  return { realm: `http://127.0.0.1:${address.port}/token`, tokens };
}
