// The registry over a store of its own, listening on loopback for the time of one test. What it logs is kept.
import type { RequestListener } from 'node:http';
import { pino } from 'pino';
import request from 'supertest';
import { stringify } from 'yaml';
import { loadConfiguration } from '../../config/load.ts';
import type { Configuration } from '../../config/schema.ts';
import type { Access } from '../../src/compose-access.ts';
import { createRegistryApp } from '../../src/compose-app.ts';
import { openAccess } from '../../src/compose-auth.ts';
import { wireEvents } from '../../src/compose-events.ts';
import { startHttpServer } from '../../src/http/server.ts';
import { type Coordination, createLocalCoordination } from '../../src/sessions/coordination.ts';
import { createCheckedDriver } from '../../storage-drivers/checked.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { openShares, type Share } from './linked-workers.ts';
import type { Cleaner } from './processes.ts';
import { openTestStore } from './test-store.ts';

/** Sends requests. The body of every answer is a Buffer. */
export type Http = ReturnType<typeof request.agent>;

export interface TestRegistry {
  readonly http: Http;
  readonly port: number;
  /** For a server of another kind in front of the same registry. */
  readonly listener: RequestListener;
  /** The store underneath, to look at and to damage. */
  readonly driver: StorageDriver;
  /** Who may do what; with accounts of its own, those too. */
  readonly access: Access;
  /** How many processes, so to speak, take turns in answering: each remembers its own. */
  readonly shares: number;
  /** Every log line so far, as JSON. */
  readonly logLines: readonly string[];
}

export interface TestRegistryOptions {
  /** Sections of a config.yml. Without them: everything by default, in memory, with deletes enabled. */
  readonly settings?: { readonly [section: string]: object };
  /** A store that is there already, or behaves oddly. Without it: a fresh one. */
  readonly driver?: StorageDriver;
  readonly failingChecks?: () => readonly string[];
  /** How the requests to several registries on one store keep out of each other's way. */
  readonly coordination?: Coordination;
  readonly pacePeriodMs?: number;
}

export async function openRegistry(
  cleaner: Cleaner,
  options: TestRegistryOptions = {},
): Promise<TestRegistry> {
  const { settings = {}, driver: store = await openTestStore(cleaner), ...seams } = options;
  const driver = createCheckedDriver(store);
  const logLines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logLines.push(line) });
  const configuration = configurationOf(settings);
  const shares = sharesOf(driver, configuration, seams.coordination);
  const [{ coordination }] = shares;
  const access = await openAccess(configuration, { driver, locks: coordination.locks, log });
  cleaner.after(() => access.close());
  const events = wireEvents(configuration, { driver, locks: coordination.locks, log });
  await events.start();
  cleaner.after(() => events.close());
  const tell = events.tell && { tell: events.tell };
  const listener = inTurn(
    shares.map(
      (share) =>
        createRegistryApp({ ...tell, driver, configuration, log, ...seams, ...share, access }).listener,
    ),
  );
  const server = await startHttpServer(listener, { host: '127.0.0.1', port: 0 });
  cleaner.after(async () => void (await server.close(0)));
  const port = server.port ?? 0;
  return {
    http: clientOf(`http://127.0.0.1:${port}`),
    port,
    listener,
    driver,
    shares: shares.length,
    logLines,
    access,
  };
}

/**
 * What the requests go through: one share of everything; or, with BERTH_TEST_WORKERS=3, as many as that, and each request goes
 * through another one, as if all of them reached different processes of one server.
 */
function sharesOf(
  driver: StorageDriver,
  { http }: Configuration,
  given: Coordination | undefined,
): readonly [Pick<Share, 'coordination'>, ...Share[]] {
  const count = Number(process.env['BERTH_TEST_WORKERS'] ?? 1);
  const [first, ...others] = openShares(driver, count, http.openuploads);
  if (first === undefined || others.length === 0 || given !== undefined) {
    return [{ coordination: given ?? createLocalCoordination(driver, { journaled: true }) }];
  }
  return [first, ...others];
}

function inTurn(listeners: readonly RequestListener[]): RequestListener {
  let requests = 0;
  return (request, response) => {
    requests += 1;
    listeners[requests % listeners.length]?.(request, response);
  };
}

/** @param tls the authority that is believed, and the client's own certificate */
export function clientOf(origin: string, tls: request.AgentOptions = {}): Http {
  return (
    request
      .agent(origin, tls)
      .redirects(0)
      .buffer(true)
      .parse(collect)
      // Bytes are sent as they are, also where the type says JSON.
      .serialize((body: string) => body)
  );
}

function configurationOf(settings: NonNullable<TestRegistryOptions['settings']>) {
  // Tests look at the bytes themselves; redirects have tests of their own.
  const common = { inmemory: {}, delete: { enabled: true }, redirect: { disable: true } };
  const storage = { ...common, ...settings['storage'] };
  const text = stringify({ version: '0.1', ...settings, storage });
  return loadConfiguration({ file: { path: 'config.yml', text }, environment: {} }).configuration;
}

function collect(
  response: request.Response,
  done: (error: Error | null, body: Buffer | undefined) => void,
): void {
  const chunks: Buffer[] = [];
  const stream = response as unknown as NodeJS.ReadableStream;
  stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
  stream.on('error', (error: Error) => done(error, undefined));
  stream.on('end', () => done(null, Buffer.concat(chunks)));
}
