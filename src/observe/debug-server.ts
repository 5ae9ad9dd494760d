// The address for whoever runs the server (`http.debug.addr`): is it alive, is it ready, what ails it, and its figures. Nobody
// has to log in there, so it says nothing that could not be told to everybody on that network: no paths, no versions.
import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';

export interface DebugPages {
  /** What ails the server: names of the checks that fail, and why (/debug/health). */
  readonly failures: () => Readonly<Record<string, string>>;
  /** What keeps it from serving requests now (/debug/ready). */
  readonly unready: () => Promise<Readonly<Record<string, string>>>;
  readonly metrics?: {
    readonly path: string;
    readonly page: () => Promise<{ readonly contentType: string; readonly text: string }>;
  };
}

export interface DebugServer {
  /** `host:port`. */
  readonly address: string;
  close(): Promise<void>;
}

export interface DebugTarget {
  readonly host?: string | undefined;
  readonly port: number;
}

/** The address cannot be listened on. */
export class DebugAddressError extends Error {
  override readonly name = 'DebugAddressError';
}

const ALL_IS_WELL = {};
const REQUEST_MS = 10_000;

/** Starts to listen. Throws DebugAddressError. */
export async function startDebugServer(target: DebugTarget, pages: DebugPages): Promise<DebugServer> {
  const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS }, answer(pages));
  try {
    await once(server.listen(target.port, target.host), 'listening');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DebugAddressError(reason, { cause: error });
  }
  // By itself it keeps no process alive that has nothing else to do.
  server.unref();
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('no TCP address');
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    address: `${host}:${address.port}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer({ failures, unready, metrics }: DebugPages): RequestListener {
  async function look(path: string, response: ServerResponse): Promise<void> {
    switch (path) {
      case '/debug/live':
        return sendState(response, ALL_IS_WELL);
      case '/debug/health':
        return sendState(response, failures());
      case '/debug/ready':
        return sendState(response, await unready());
      case metrics?.path: {
        if (metrics === undefined) break;
        const { contentType, text } = await metrics.page();
        return send(response, 200, contentType, text);
      }
    }
    return send(response, 404, 'text/plain; charset=utf-8', 'not found\n');
  }

  return (request, response) => {
    request.resume();
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return send(response, 405, 'text/plain; charset=utf-8', 'method not allowed\n');
    }
    const [path = ''] = (request.url ?? '').split('?');
    look(path, response).catch(() => send(response, 500, 'text/plain; charset=utf-8', 'failed\n'));
  };
}

/** As the `registry` image answers: 200 with an empty map, or 503 with what is wrong. */
function sendState(response: ServerResponse, failures: Readonly<Record<string, string>>): void {
  const status = Object.keys(failures).length === 0 ? 200 : 503;
  send(response, status, 'application/json', JSON.stringify(failures));
}

/** To HEAD, Node itself leaves the body out. */
function send(response: ServerResponse, status: number, contentType: string, text: string): void {
  const headers = { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(text) };
  response.writeHead(status, {
    ...headers,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(text);
}
