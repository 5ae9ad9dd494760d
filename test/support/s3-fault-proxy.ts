// An HTTP proxy in front of an S3 store that does to requests what networks and stores do to them.
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { Cleaner } from './processes.ts';

export type Fault =
  /** The connection breaks before the store has seen the request. */
  | 'reset'
  /** 503 SlowDown instead of the request. */
  | 'slowDown'
  /** The answer comes with status 200, and says that the request failed; the store has not seen it. */
  | 'errorIn200'
  /** The same, but the store has done it. */
  | 'doneButErrorIn200'
  /** The store does it, and the connection breaks before the answer. */
  | 'lostAnswer'
  /** The connection breaks in the middle of the answer's body. */
  | 'cutBody'
  /** A byte of the request's body changes. */
  | 'flippedByte';

export interface FaultProxy {
  readonly port: number;
  /** Requests so far, faults included. */
  requests(): number;
  faults(): number;
}

/** Listens on a free port of 127.0.0.1, asks `choose` what to do to each request, and hands the others on as they are. */
export async function startFaultProxy(
  target: number,
  choose: (incoming: IncomingMessage) => Fault | undefined,
  cleaner: Cleaner,
): Promise<FaultProxy> {
  let requests = 0;
  let faults = 0;
  const server = createServer((incoming, outgoing) => {
    const fault = choose(incoming);
    requests += 1;
    if (fault !== undefined) faults += 1;
    exchange(target, incoming, outgoing, fault).catch(() => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleaner.after(async () => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return { port: address.port, requests: () => requests, faults: () => faults };
}

async function exchange(
  target: number,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  fault: Fault | undefined,
): Promise<void> {
  if (fault === 'reset') return void incoming.socket.resetAndDestroy();
  const body = await buffer(incoming);
  if (fault === 'slowDown') return answerError(outgoing, 503, 'SlowDown');
  if (fault === 'errorIn200') return answerError(outgoing, 200, 'InternalError');
  if (fault === 'flippedByte' && body.length > 0) body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1;
  const answer = await askStore(target, incoming, body);
  if (fault === 'lostAnswer' || fault === 'doneButErrorIn200') {
    await buffer(answer);
    if (fault === 'lostAnswer') return void incoming.socket.resetAndDestroy();
    return answerError(outgoing, 200, 'InternalError');
  }
  outgoing.writeHead(answer.statusCode ?? 500, answer.rawHeaders);
  if (fault !== 'cutBody') return void answer.pipe(outgoing);
  const content = await buffer(answer);
  outgoing.write(content.subarray(0, content.length >> 1), () => incoming.socket.resetAndDestroy());
}

async function askStore(port: number, incoming: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
  const { method = 'GET', url: path = '/', headers } = incoming;
  const onward = request({ host: '127.0.0.1', port, method, path, headers });
  onward.end(body);
  const [answer]: IncomingMessage[] = await once(onward, 'response');
  if (answer === undefined) throw new Error('an answer was expected');
  return answer;
}

function answerError(outgoing: ServerResponse, status: number, code: string): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`;
  outgoing.writeHead(status, { 'content-type': 'application/xml', 'content-length': body.length });
  outgoing.end(body);
}
