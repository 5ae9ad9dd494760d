// The listening server: timeouts that fit uploads of hours, and an end that lets transfers finish.
import { once } from 'node:events';
import { unlink } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';

export type ListenTarget = { readonly path: string } | { readonly host?: string; readonly port: number };

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

/** Starts to listen. Throws the system's error (EADDRINUSE, EACCES ...) if that fails. */
export async function startHttpServer(listener: RequestListener, target: ListenTarget): Promise<HttpServer> {
  const server = createServer({
    // Whole requests may take hours; that they go on is seen to where bodies are read.
    requestTimeout: 0,
    headersTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // A small answer is written at once, not after the client's acknowledgement of the last one.
    noDelay: true,
  });
  let open = 0;
  server.on('request', (request, response) => {
    open += 1;
    response.once('close', () => {
      open -= 1;
    });
    if (closing(server)) response.setHeader('Connection', 'close');
    listener(request, response);
  });
  await listen(server, target);
  const address = server.address();
  return {
    address: describe(address),
    port: typeof address === 'object' ? address?.port : undefined,
    close: (drainMs) => drain(server, drainMs, () => open),
  };
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

async function drain(server: Server, drainMs: number, openRequests: () => number): Promise<number> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const look = setInterval(() => server.closeIdleConnections(), DRAIN_LOOK_MS);
  let cut = 0;
  const limit = setTimeout(() => {
    cut = openRequests();
    server.closeAllConnections();
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
