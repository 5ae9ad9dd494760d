// Plain HTTP that reaches a TLS port gets an answer that a person can read, as from a server in Go.
import type { Socket } from 'node:net';

/** The type of the record that a TLS handshake begins with (RFC 8446, section 5.1). */
const HANDSHAKE_RECORD = 0x16;
const MESSAGE = 'Client sent an HTTP request to an HTTPS server.\n';
const ANSWER = [
  'HTTP/1.1 400 Bad Request',
  'Content-Type: text/plain; charset=utf-8',
  `Content-Length: ${MESSAGE.length}`,
  'Connection: close',
  '',
  MESSAGE,
].join('\r\n');

/** How long what the client still sends is thrown away, so that it gets to read the answer. */
const LINGER_MS = 1_000;

export function isHandshake(firstBytes: Buffer): boolean {
  return firstBytes[0] === HANDSHAKE_RECORD;
}

/** Answers what looks like a request, and ends the connection in any case. */
export function refusePlainHttp(socket: Socket, firstBytes: Buffer): void {
  socket.on('error', () => socket.destroy());
  if (!/^[A-Z]{3,7} /.test(firstBytes.toString('latin1', 0, 8)) && firstBytes.length >= 8) {
    socket.destroy();
    return;
  }
  socket.end(ANSWER);
  socket.resume();
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
