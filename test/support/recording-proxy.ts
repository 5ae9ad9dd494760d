// An HTTP proxy in front of a registry that writes down each exchange: what a client really sent, whatever it says.
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Cleaner } from './processes.ts';

export interface Exchange {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly status: number;
  /** Bytes of the request's body. */
  readonly sent: number;
}

export interface RecordingProxy {
  readonly port: number;
  /** The exchanges since the last call, in the order in which they ended. */
  take(): Exchange[];
}

/** Listens on a free port of 127.0.0.1 and hands every request to the port there. */
export async function startRecordingProxy(target: number, cleaner: Cleaner): Promise<RecordingProxy> {
  let exchanges: Exchange[] = [];
  const server = createServer((incoming, outgoing) => {
    forward(target, incoming, outgoing, (exchange) => void exchanges.push(exchange));
  });
  // A push may wait on docker's compressing for as long as it likes.
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleaner.after(async () => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    port: address.port,
    take: () => {
      const taken = exchanges;
      exchanges = [];
      return taken;
    },
  };
}

function forward(
  port: number,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  record: (exchange: Exchange) => void,
): void {
  const { method = 'GET', url: path = '/', rawHeaders } = incoming;
  let sent = 0;
  incoming.on('data', (chunk: Buffer) => {
    sent += chunk.length;
  });
  const onward = request({ host: '127.0.0.1', port, method, path, headers: pairs(rawHeaders) }, (answer) => {
    const status = answer.statusCode ?? 0;
    outgoing.writeHead(status, answer.rawHeaders);
    answer.pipe(outgoing);
    outgoing.once('close', () => record({ method, path, status, sent }));
  });
  onward.once('error', () => outgoing.destroy());
  outgoing.once('close', () => onward.destroy());
  incoming.pipe(onward);
}

/** Headers as they came, repeated ones included: some clients send `Accept` six times. */
function pairs(rawHeaders: readonly string[]): Record<string, string | string[]> {
  const headers = new Map<string, string[]>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), rawHeaders[index + 1] ?? '']);
  }
  const single = (values: string[]) => (values.length === 1 ? (values[0] ?? '') : values);
  return Object.fromEntries([...headers].map(([name, values]) => [name, single(values)]));
}
