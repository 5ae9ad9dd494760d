// Looks at how a connection begins before anybody else reads it.
import type { Server, Socket } from 'node:net';

/** Puts a decision in front of what a server does with its new connections. `proceed` does that, now or later. */
export function intercept<S extends Socket>(
  server: Server,
  event: 'connection' | 'secureConnection',
  decide: (socket: S, proceed: () => void) => void,
): void {
  const listeners = server.listeners(event);
  server.removeAllListeners(event);
  server.on(event, (socket: S) => {
    decide(socket, () => {
      for (const listener of listeners) listener.call(server, socket);
    });
  });
}

/**
 * Waits for bytes until `isEnough`, then hands them to `then` and leaves them in the socket for its next reader. A
 * connection that ends or says nothing for `limitMs` is closed.
 */
export function peek(
  socket: Socket,
  isEnough: (bytes: Buffer) => boolean,
  limitMs: number,
  then: (bytes: Buffer) => void,
): void {
  let bytes = Buffer.alloc(0);
  const close = () => socket.destroy();
  const limit = setTimeout(close, limitMs);
  socket.on('readable', read);
  socket.once('end', close);
  socket.on('error', close);
  socket.once('close', leave);

  function read(): void {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read())
      bytes = Buffer.concat([bytes, chunk]);
    if (bytes.length === 0 || !isEnough(bytes)) return;
    leave();
    socket.unshift(bytes);
    then(bytes);
  }

  function leave(): void {
    clearTimeout(limit);
    socket.off('readable', read);
    socket.off('end', close);
    socket.off('error', close);
    socket.off('close', leave);
  }
}
