// The listening server: which protocols it speaks, timeouts that fit uploads of hours, and an end that lets transfers finish.
import { once } from 'node:events';
import { unlink } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { intercept, peek } from './first-bytes.ts';
import type { Http2Side } from './http2.ts';
import { isHandshake, refusePlainHttp } from './tls/plain-http.ts';
import { HANDSHAKE_MS, type TlsEndpoint } from './tls/tls-endpoint.ts';

export type ListenTarget = { readonly path: string } | { readonly host?: string; readonly port: number };

/** What is spoken besides HTTP/1.1 without TLS. */
export interface Protocols {
  /** Given, nothing is spoken without it. */
  readonly tls?: TlsEndpoint;
  /** Over TLS, HTTP/2 is agreed on in the handshake; without, a client begins with it. */
  readonly http2: boolean;
}

export interface HttpServer {
  /** Where it listens: `host:port`, or the path of the socket. */
  readonly address: string;
  /** The port, if there is one. */
  readonly port: number | undefined;
  /**
   * Takes no more connections and resolves when all requests are answered, or after `drainMs` milliseconds, when what is
   * left is cut. Resolves to the number of requests that were cut.
   */
  close(drainMs: number): Promise<number>;
}

/** Time for a request's headers to arrive. */
const HEADERS_TIMEOUT_MS = 60_000;
/** Longer than the proxies in front of a registry keep idle connections, so that it is they who close them. */
const KEEP_ALIVE_MS = 120_000;
/** How often idle connections are closed while the server drains. */
const DRAIN_LOOK_MS = 50;
/** What a connection over HTTP/2 begins with, as far as no method of HTTP/1.1 does (RFC 9113, section 3.4). */
const PREFACE = 'PRI ';

const OPTIONS = {
  // Whole requests may take hours; that they go on is seen to where bodies are read.
  requestTimeout: 0,
  headersTimeout: HEADERS_TIMEOUT_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  // A small answer is written at once, not after the client's acknowledgement of the last one.
  noDelay: true,
};

/** Starts to listen. Throws the system's error (EADDRINUSE, EACCES ...) if that fails. */
export async function startHttpServer(
  listener: RequestListener,
  target: ListenTarget,
  { tls, http2 }: Protocols = { http2: false },
): Promise<HttpServer> {
  let open = 0;
  const counted: RequestListener = (request, response) => {
    open += 1;
    response.once('close', () => {
      open -= 1;
    });
    listener(request, response);
  };
  const http2Side = http2 ? await openHttp2Side(counted) : undefined;
  const https = tls && (await createHttps(tls, http2));
  const server: Server = https ?? createServer(OPTIONS);
  const retired = new WeakSet<object>();
  server.on('request', (request, response) => {
    if (closing(server) || retired.has(request.socket)) response.setHeader('Connection', 'close');
    counted(request, response);
  });
  // Whoever reads the body asks for it then (request-body.ts): what is refused is not even sent.
  server.on('checkContinue', (request, response) => server.emit('request', request, response));
  const connections = new Set<Socket>();
  const retire = () => {
    for (const connection of connections) retired.add(connection);
    http2Side?.renew();
    server.closeIdleConnections();
  };
  if (tls === undefined) acceptPlain(server, http2Side);
  else acceptTls(server, tls, http2Side, connections);
  // Comes after what was put in front of the server's own listeners, which a connection may reach later or never.
  server.on('connection', (socket: Socket) => remember(connections, socket));
  await listen(server, target);
  tls?.watch((options, { authorities }) => {
    https?.setSecureContext(options);
    if (authorities) retire();
  });
  const address = server.address();
  return {
    address: describe(address),
    port: typeof address === 'object' ? address?.port : undefined,
    close(drainMs) {
      tls?.stop();
      return drain(server, drainMs, {
        openRequests: () => open,
        begin() {
          http2Side?.drain();
          for (const connection of connections) if (connection.bytesRead === 0) connection.destroy();
        },
        cut() {
          http2Side?.cut();
          for (const connection of connections) connection.destroy();
        },
      });
    },
  };
}

/** Only who speaks it pays for loading it. */
async function openHttp2Side(listener: RequestListener): Promise<Http2Side> {
  const { createHttp2Side } = await import('./http2.ts');
  return createHttp2Side(listener, KEEP_ALIVE_MS);
}

/** As with HTTP/2. */
async function createHttps(tls: TlsEndpoint, http2: boolean): Promise<HttpsServer> {
  const { createServer: createTlsServer } = await import('node:https');
  const ALPNProtocols = http2 ? ['h2', 'http/1.1'] : ['http/1.1'];
  return createTlsServer({ ...OPTIONS, ...tls.options, ALPNProtocols });
}

/** Every connection there is, also one that has said nothing yet. */
function remember(connections: Set<Socket>, socket: Socket): void {
  connections.add(socket);
  socket.once('close', () => connections.delete(socket));
}

function acceptPlain(server: Server, http2Side: Http2Side | undefined): void {
  if (http2Side === undefined) return;
  const isKnown = (bytes: Buffer) =>
    bytes.length >= PREFACE.length || !PREFACE.startsWith(bytes.toString('latin1'));
  intercept<Socket>(server, 'connection', (socket, proceed) => {
    peek(socket, isKnown, HEADERS_TIMEOUT_MS, (bytes) => {
      if (bytes.toString('latin1').startsWith(PREFACE)) http2Side.take(socket);
      else proceed();
    });
  });
}

function acceptTls(
  server: Server,
  tls: TlsEndpoint,
  http2Side: Http2Side | undefined,
  connections: Set<Socket>,
): void {
  intercept<Socket>(server, 'connection', (socket, proceed) => {
    const isEnough = (bytes: Buffer) => !isHandshake(bytes) || (tls.intake?.isEnough(bytes) ?? true);
    peek(socket, isEnough, HANDSHAKE_MS, (bytes) => {
      if (!isHandshake(bytes)) refusePlainHttp(socket, bytes);
      else if (tls.intake?.takes(socket, bytes) !== true) proceed();
    });
  });
  intercept<TLSSocket>(server, 'secureConnection', (socket, proceed) => {
    if (!tls.admits(socket)) {
      socket.destroy();
      return;
    }
    remember(connections, socket);
    if (socket.alpnProtocol === 'h2' && http2Side !== undefined) http2Side.take(socket);
    else proceed();
  });
}

/** A server that was killed leaves its socket behind: one that nobody listens on gives way. */
async function listen(server: Server, target: ListenTarget): Promise<void> {
  try {
    await once(server.listen(target), 'listening');
  } catch (error) {
    if (!('path' in target) || !(await isAbandoned(target.path))) throw error;
    await unlink(target.path);
    await once(server.listen(target), 'listening');
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
  } finally {
    socket.destroy();
  }
}

function closing(server: Server): boolean {
  return !server.listening;
}

interface Ending {
  openRequests(): number;
  /** Lets the connections that the server does not know end after their requests. */
  begin(): void;
  cut(): void;
}

async function drain(server: Server, drainMs: number, ending: Ending): Promise<number> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  ending.begin();
  const look = setInterval(() => server.closeIdleConnections(), DRAIN_LOOK_MS);
  let cut = 0;
  const limit = setTimeout(() => {
    cut = ending.openRequests();
    server.closeAllConnections();
    ending.cut();
  }, drainMs);
  await closed;
  clearInterval(look);
  clearTimeout(limit);
  return cut;
}

function describe(address: AddressInfo | string | null): string {
  if (address === null) return '';
  if (typeof address === 'string') return address;
  return address.family === 'IPv6'
    ? `[${address.address}]:${address.port}`
    : `${address.address}:${address.port}`;
}
