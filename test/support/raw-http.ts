// HTTP by hand, for what no client library sends.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Answer } from './answers.ts';

export interface RawAnswer extends Answer {
  readonly body: Buffer;
  /** Everything that came over the connection. */
  readonly text: string;
}

/** Longer than any answer of a test takes; only for what hangs. */
const HANGING_MS = 20_000;

/** Opens a connection that ends with the test at the latest. Errors of the socket are left to whoever reads. */
export async function open(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Sends one request as it stands, with `Host` and `Connection: close` added, and reads until the server closes. */
export async function send(
  port: number,
  requestLine: string,
  headers: readonly string[] = [],
  body: string | Buffer = '',
): Promise<RawAnswer> {
  const head = [`${requestLine} HTTP/1.1`, 'Host: registry.test', 'Connection: close', ...headers, '', ''];
  return answerIn(await exchange(port, Buffer.concat([Buffer.from(head.join('\r\n')), Buffer.from(body)])));
}

/** Writes bytes and reads until the connection ends. */
export async function exchange(port: number, bytes: Uint8Array | string): Promise<Buffer> {
  const socket = await open(port);
  socket.write(bytes);
  return received(socket);
}

/** All that comes until the other side ends or resets the connection. */
export async function received(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
  const signal = AbortSignal.timeout(HANGING_MS);
  const ended = once(socket, 'end', { signal }).catch((error: unknown) => error);
  const closed = once(socket, 'close', { signal }).catch((error: unknown) => error);
  await Promise.race([ended, closed]);
  socket.destroy();
  assert.ok(!signal.aborted, 'the server left the connection open');
  return Buffer.concat(chunks);
}

/** Reads from a connection that stays open until the pattern is there. */
export async function receivedUntil(socket: Socket, pattern: RegExp): Promise<string> {
  let text = '';
  const signal = AbortSignal.timeout(HANGING_MS);
  while (!pattern.test(text)) {
    const [chunk] = await once(socket, 'data', { signal });
    text += chunk.toString('latin1');
  }
  return text;
}

/** The one answer in what a connection gave; status 0 if there is none. */
export function answerIn(bytes: Buffer): RawAnswer {
  const text = bytes.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1] ?? 0);
  return { status, headers, body: bytes.subarray(end + 4), text };
}
