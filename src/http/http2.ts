// HTTP/2 for connections that somebody else accepted.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';

export interface Http2Side {
  /** Speaks HTTP/2 over a connection from its beginning on. */
  take(socket: Socket): void;
  /** Lets the connections of now end after their requests, so that clients make new ones. */
  renew(): void;
  /** Takes no more requests; each connection ends after its last answer. */
  drain(): void;
  cut(): void;
}

/** A client's requests at one time: more than any client of a registry has, few enough for their buffers. */
const MOST_STREAMS = 128;
/** Bytes on their way to one request, and to all of a connection: what a far client needs to fill its line. */
const STREAM_WINDOW = 1024 * 1024;
const CONNECTION_WINDOW = 4 * 1024 * 1024;
/** Megabytes. What is being sent counts too: less would refuse requests of those that pull in parallel. */
const MOST_MEMORY = 256;

/** `idleMs`: how long a connection without requests is kept. */
export function createHttp2Side(listener: RequestListener, idleMs: number): Http2Side {
  const server = createServer({
    settings: {
      maxConcurrentStreams: MOST_STREAMS,
      initialWindowSize: STREAM_WINDOW,
      enableConnectProtocol: false,
    },
    maxSessionMemory: MOST_MEMORY,
  });
  const sessions = new Set<ServerHttp2Session>();
  let draining = false;
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.setLocalWindowSize(CONNECTION_WINDOW);
    closeWhenIdle(session, idleMs);
    if (draining) session.close();
  });
  // Connections break, and clients err: neither is a failure of ours, and both end the connection.
  server.on('sessionError', () => undefined);
  server.on('request', (request, response) => {
    listener(request as unknown as IncomingMessage, response as unknown as ServerResponse<IncomingMessage>);
  });
  const renew = () => {
    for (const session of sessions) session.close();
  };
  return {
    take: (socket) => void server.emit('connection', socket),
    renew,
    drain() {
      draining = true;
      renew();
    },
    cut() {
      for (const session of sessions) session.destroy();
    },
  };
}

function closeWhenIdle(session: ServerHttp2Session, idleMs: number): void {
  let open = 0;
  session.on('stream', (stream) => {
    open += 1;
    stream.once('close', () => {
      open -= 1;
    });
  });
  session.setTimeout(idleMs, () => {
    if (open === 0) session.close();
  });
}
