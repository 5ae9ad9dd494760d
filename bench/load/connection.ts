// One HTTP/1.1 connection on a bare socket: a head and prepared bytes go out, the answer's body is counted and dropped.
//
// node:http would do the same for several times the processor time, which on a small machine is taken from the registry
// that is being measured. Every answer is checked: its status, and that its body is as long as it says.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface Request {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** Path and query, or an absolute URL of which only these two are used. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The bytes after the head, framed as the headers say. */
  readonly body?: readonly Uint8Array[];
  /** The only right status. */
  readonly status: number;
}

export interface Answer {
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly headBytes: number;
  readonly bodyBytes: number;
}

export interface Connection {
  /** One request at a time. Throws `WrongAnswer`, or the socket's error. */
  exchange(request: Request): Promise<Answer>;
  close(): void;
}

/** A registry answered something else than what the protocol asks for. */
export class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer';
}

interface Head {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
}

interface Pending {
  readonly request: Request;
  received: number;
  headText: string;
  head: Head | undefined;
  /** Length of head and body together, known once the head is there. */
  expected: number;
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

const HEAD_END = '\r\n\r\n';
const LONGEST_HEAD = 64 * 1024;

/** Opens a connection to the host of `url` (plain HTTP). `readBytes`: how much is taken from the socket at once. */
export async function openConnection(url: string, readBytes = 64 * 1024): Promise<Connection> {
  const { host, hostname, port } = new URL(url);
  let pending: Pending | undefined;

  const fail = (error: Error): void => {
    const failed = pending;
    pending = undefined;
    socket.destroy();
    failed?.reject(error);
  };
  const take = (length: number, bytes: Uint8Array): boolean => {
    if (pending === undefined) return true;
    try {
      const answer = advance(pending, bytes.subarray(0, length));
      if (answer === undefined) return true;
      const { resolve } = pending;
      pending = undefined;
      resolve(answer);
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
    }
    return true;
  };
  const socket: Socket = connect({
    host: hostname,
    port: Number(port || 80),
    noDelay: true,
    onread: { buffer: Buffer.allocUnsafe(readBytes), callback: take },
  });
  await once(socket, 'connect');
  socket.on('error', fail);
  socket.on('close', () =>
    fail(new WrongAnswer('the registry closed the connection before its answer was whole')),
  );

  return {
    exchange: (request) => {
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      if (socket.destroyed) reject(wrong(request, 'came after the registry had closed the connection'));
      pending = { request, received: 0, headText: '', head: undefined, expected: 0, resolve, reject };
      send(socket, host, request);
      return promise;
    },
    close: () => {
      socket.destroy();
    },
  };
}

function send(socket: Socket, host: string, request: Request): void {
  const url = new URL(request.target, `http://${host}`);
  let head = `${request.method} ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${host}\r\n`;
  for (const [name, value] of Object.entries(request.headers ?? {})) head += `${name}: ${value}\r\n`;
  socket.cork();
  socket.write(Buffer.from(`${head}\r\n`, 'latin1'));
  for (const bytes of request.body ?? []) socket.write(bytes);
  socket.uncork();
}

/** Takes in what arrived; gives the answer once it is whole. */
function advance(pending: Pending, bytes: Uint8Array): Answer | undefined {
  pending.received += bytes.length;
  if (pending.head === undefined) {
    pending.headText += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    const end = pending.headText.indexOf(HEAD_END);
    if (end < 0 && pending.headText.length < LONGEST_HEAD) return undefined;
    pending.head = parseHead(pending.headText.slice(0, end));
    pending.headText = '';
    pending.expected = end + HEAD_END.length + bodyLength(pending.request, pending.head);
  }
  if (pending.received < pending.expected) return undefined;
  if (pending.received > pending.expected) throw wrong(pending.request, 'is longer than its Content-Length');
  const headBytes = pending.expected - bodyLength(pending.request, pending.head);
  return { headers: pending.head.headers, headBytes, bodyBytes: pending.expected - headBytes };
}

function parseHead(text: string): Head {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const status = /^HTTP\/1\.1 (\d{3})\b/.exec(statusLine)?.[1];
  if (status === undefined) throw new WrongAnswer(`not an HTTP answer: ${statusLine.slice(0, 80)}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(status), headers };
}

function bodyLength(request: Request, { status, headers }: Head): number {
  if (status !== request.status) throw wrong(request, `was answered ${status}, not ${request.status}`);
  if (request.method === 'HEAD' || status === 204) return 0;
  const length = headers.get('content-length');
  if (length === undefined || !/^\d+$/.test(length))
    throw wrong(request, 'was answered without Content-Length');
  return Number(length);
}

function wrong({ method, target }: Request, what: string): WrongAnswer {
  return new WrongAnswer(`${method} ${target} ${what}`);
}
