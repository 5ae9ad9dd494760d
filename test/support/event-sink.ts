// A receiver of events on loopback: keeps what it takes, and answers as it is told.
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleaner } from './processes.ts';

export interface SunkRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface SinkAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Nothing is said before this resolves. */
  readonly after?: Promise<void>;
}

export interface EventSink {
  readonly url: string;
  readonly port: number;
  /** What was answered with a status of success, in the order of arrival. */
  readonly taken: readonly SunkRequest[];
  /** How often somebody knocked. */
  attempts(): number;
  /** The events of the envelopes that were taken. */
  events(): readonly SunkEvent[];
  /** Resolves when so many events were taken. Throws after half a minute. */
  receives(count: number): Promise<readonly SunkEvent[]>;
  stop(): Promise<void>;
}

export interface SunkEvent {
  readonly id: string;
  readonly timestamp: string;
  readonly action: string;
  readonly target: Readonly<Record<string, unknown>>;
  readonly request: Readonly<Record<string, unknown>>;
  readonly actor: Readonly<Record<string, unknown>>;
  readonly source: Readonly<Record<string, unknown>>;
}

const LIMIT_MS = 30_000;

/** @param answer decides for each request; by default everything is taken */
export async function startSink(
  cleaner: Cleaner,
  answer: (request: SunkRequest, attempt: number) => SinkAnswer = () => ({ status: 200 }),
  port = 0,
): Promise<EventSink> {
  const taken: SunkRequest[] = [];
  let attempts = 0;
  const server = createServer(async (incoming, response) => {
    attempts += 1;
    const attempt = attempts;
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const request = {
      path: incoming.url ?? '',
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString(),
    };
    const { status, headers = {}, body = '', after } = answer(request, attempt);
    await after;
    if (status < 300) taken.push(request);
    response.writeHead(status, { ...headers }).end(body);
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  cleaner.after(() => close(server));
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : 0;
  const events = () => taken.flatMap(({ body }) => JSON.parse(body).events as SunkEvent[]);
  return {
    url: `http://127.0.0.1:${bound}/events`,
    port: bound,
    taken,
    attempts: () => attempts,
    events,
    async receives(count) {
      for (const end = Date.now() + LIMIT_MS; taken.length < count; ) {
        if (Date.now() > end) throw new Error(`${taken.length} of ${count} events came`);
        await sleep(5);
      }
      return events();
    },
    stop: () => close(server),
  };
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
