// A server whose requests are answered by several processes: the one that starts them, and does what there must be once for a
// store. It answers no request itself.
//
//   here                        sign of life, purge of uploads, health checks, events, first signing key, certificates from an
//                               authority, the debug address with the figures of all; and what is counted or granted:
//                               locks, homes of uploads, failed logins, open uploads
//   in each worker              requests; files that are read again when they change (certificates, passwords, rules); what is
//                               remembered of content that says by itself when it is another one; traces
//   in the first worker         what any of them could do: old logins are removed, and changed files told of
//
// With Redis locks and uploads are left to it, as between servers.
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Configuration } from '../config/schema.ts';
import { createCheckedDriver } from '../storage-drivers/checked.ts';
import type { StorageDriver } from '../storage-drivers/driver.ts';
import type { FirstAdministrator } from './auth/accounts/administrators.ts';
import type { RunningServer } from './compose.ts';
import { countedEvents, type ServerEvents } from './compose-events.ts';
import { openAttempts } from './compose-logins.ts';
import { openDebugServer, openObservation, storageListener } from './compose-observe.ts';
import {
  describeAuth,
  overRedis,
  recoverStore,
  recoverWorker,
  showPresence,
  startPurging,
  waitForPredecessors,
} from './compose-once.ts';
import { describeStorage, openDriver } from './compose-storage.ts';
import type { WorkerOrders } from './compose-worker.ts';
import type { AutomaticCertificates } from './http/tls/acme/automatic-certificates.ts';
import { createUploadQuota } from './http/upload-quota.ts';
import type { Presence } from './maintenance/presence.ts';
import { startHealthChecks } from './observe/health.ts';
import { healthChecks } from './observe/health-checks.ts';
import type { Metrics } from './observe/metrics/metrics.ts';
import type { SummedMetrics } from './observe/metrics/summed-metrics.ts';
import type { Traces } from './observe/tracing.ts';
import { createCatalog } from './registry/catalog.ts';
import type { Coordination } from './sessions/coordination.ts';
import { createStorageSessions } from './sessions/storage.ts';
import type { Channel } from './workers/channel.ts';
import { type CrewDuties, startCrew } from './workers/crew.ts';
import { createLockDesk } from './workers/lock-desk.ts';
import { serveAttempts } from './workers/login-desk.ts';
import { serveQuota } from './workers/quota-desk.ts';
import { tellCertificates } from './workers/shared-certificates.ts';

export interface PrimaryDependencies {
  readonly configuration: Configuration;
  readonly log: Logger;
  readonly traces?: Traces | undefined;
  /** How many processes answer requests. */
  readonly size: number;
  /** Starts one of them. */
  readonly fork: () => ChildProcess;
  /** What it has to know beside its WorkerOrders: where its configuration comes from. */
  readonly startWith: object;
  /** Hears when the traces of a worker begin to get lost, and when they arrive again. */
  readonly traceNews: (of: object, state: 'lost' | 'delivered', error?: unknown) => void;
  /** A worker that came later has made the first administrator. */
  readonly onFirstAdministrator: (administrator: FirstAdministrator) => void;
}

const readySchema = z.object({
  firstAdministrator: z
    .object({
      name: z.string(),
      password: z.string(),
      expires: z.iso.datetime().transform((text) => new Date(text)),
    })
    .optional(),
});

const traceSchema = z.object({ state: z.enum(['lost', 'delivered']), reason: z.string().optional() });

/** Starts everything, and resolves when requests are answered. Throws what a start throws; nothing is left open then. */
export async function startPrimary(dependencies: PrimaryDependencies): Promise<RunningServer> {
  const { configuration, log, traces, size, fork, startWith, traceNews, onFirstAdministrator } = dependencies;
  await using undo = new AsyncDisposableStack();
  const desk = createLockDesk((owner) => recoverWorker(driver, log, owner));
  const attempts = openAttempts(configuration.auth);
  const quota = createUploadQuota({ most: configuration.http.openuploads });
  const key = randomBytes(32).toString('base64');
  // First of all: they load what they need while the store is opened here.
  const crew = startCrew({
    size,
    fork,
    log,
    serve(channel) {
      const served = [desk.serve(channel), serveAttempts(channel, attempts), serveQuota(channel, quota)];
      return {
        gone() {
          for (const { gone } of served) gone();
        },
      };
    },
  });
  undo.defer(async () => void (await crew.close(0)));

  const store = await openDriver(configuration.storage.driver);
  const observation = await openObservation(configuration, store.name, traces);
  const driver = createCheckedDriver(store, storageListener(observation, store.name));
  const coordination: Coordination = (await overRedis(driver, configuration, log, observation)) ?? {
    locks: desk.locks,
    sessions: createStorageSessions(driver),
    close: async () => undefined,
  };
  undo.defer(() => coordination.close());
  const health = startHealthChecks(
    healthChecks(configuration.health, () => driver.list('', { limit: 1 })),
    log,
    (failing) => {
      for (const channel of crew.atWork()) channel.tell('failing', failing);
    },
  );
  undo.defer(() => health.stop());

  observation.metrics?.watchOpenUploads(quota.open);
  const summed = await sumOf(observation.metrics, crew.atWork);
  let whyNotServing: string | undefined = 'is starting';
  const debug = await openDebugServer(configuration.http.debug, {
    driver,
    health,
    observation: {
      traces,
      ...(observation.metrics && summed && { metrics: { ...observation.metrics, page: summed.page } }),
    },
    whyNotServing: () =>
      whyNotServing ?? (crew.atWork().length === 0 ? 'has no worker at the moment' : undefined),
  });
  undo.defer(async () => debug?.close());

  const events = countedEvents(configuration, { driver, locks: coordination.locks, log }, observation);
  undo.defer(() => events.close());
  const takeEvent = await eventTaker(events, log);
  await ensureKey(configuration, driver);
  const certificates = await obtainCertificates(configuration.http, log, crew.atWork);
  undo.defer(async () => certificates?.stop());

  await waitForPredecessors(driver, configuration);
  let presence: Presence | undefined;
  let firstAdministrator: FirstAdministrator | undefined;
  const duties: CrewDuties = {
    orders: (number) => ({ ...startWith, ...ordersOf(number, key, events) }),
    onBirth: async () => presence?.renew(),
    async onReady(channel, said) {
      if (takeEvent !== undefined) channel.on('event', takeEvent);
      channel.on('traces', (content) => {
        const { state, reason } = traceSchema.parse(content);
        traceNews(channel, state, reason === undefined ? undefined : new Error(reason));
      });
      channel.tell('failing', health.failing());
      if (certificates !== undefined) await tellCertificates(channel, certificates.current());
      const { firstAdministrator: made } = readySchema.parse(said);
      if (made === undefined) return;
      if (whyNotServing === undefined) onFirstAdministrator(made);
      else firstAdministrator = made;
    },
    onGone(channel) {
      summed?.gone(channel);
      traceNews(channel, 'delivered');
    },
  };
  const { address, port } = await crew.begin(duties);
  presence = await showPresence(driver, configuration, log, () => crew.pids());
  undo.defer(async () => presence?.end());
  await recoverStore(driver, coordination.locks, configuration, log);
  await events.start();
  crew.open();
  certificates?.start();
  whyNotServing = undefined;
  const purge = startPurging(
    { driver, catalog: createCatalog(driver), ...coordination, log },
    configuration.storage.maintenance,
  );
  undo.move();
  return {
    address,
    port,
    ...(debug && { debugAddress: debug.address }),
    storage: describeStorage(configuration.storage.driver),
    auth: describeAuth(configuration.auth),
    ...(firstAdministrator && { firstAdministrator }),
    async close() {
      // Told before the port is closed, so that nobody sends more.
      whyNotServing = 'is stopping';
      purge?.stop();
      certificates?.stop();
      const cut = await crew.close(configuration.http.draintimeout);
      await events.close();
      await presence?.end();
      await coordination.close();
      health.stop();
      await debug?.close();
      return cut;
    },
  };
}

function ordersOf(number: number, key: string, { instance }: ServerEvents): WorkerOrders {
  return { number, key, ...(instance !== undefined && { instance }) };
}

async function sumOf(
  metrics: Metrics | undefined,
  workers: () => readonly Channel[],
): Promise<SummedMetrics | undefined> {
  if (metrics === undefined) return undefined;
  const { sumMetrics } = await import('./observe/metrics/summed-metrics.ts');
  const others = () => new Map(workers().map((channel) => [channel, () => channel.ask('figures')]));
  return sumMetrics(metrics.figures, others);
}

/** What keeps the events that workers make; `undefined` if nobody wants to know of any. */
async function eventTaker(
  { take }: ServerEvents,
  log: Logger,
): Promise<((content: unknown) => Promise<void>) | undefined> {
  if (take === undefined) return undefined;
  const { parseEvent } = await import('./events/event.ts');
  return async (content) => {
    const event = parseEvent(String(content));
    if (event === undefined) log.error('an event of a worker cannot be read');
    else await take(event);
  };
}

async function ensureKey({ auth }: Configuration, driver: StorageDriver): Promise<void> {
  if (auth.scheme.name !== 'berth' && auth.scheme.name !== 'htpasswd') return;
  const { ensureSigningKey } = await import('./compose-keys.ts');
  await ensureSigningKey(auth, driver);
}

async function obtainCertificates(
  { tls }: Configuration['http'],
  log: Logger,
  workers: () => readonly Channel[],
): Promise<AutomaticCertificates | undefined> {
  if (tls?.source.kind !== 'letsencrypt') return undefined;
  const { openAutomaticCertificates } = await import('./http/tls/acme/automatic-certificates.ts');
  return openAutomaticCertificates(tls.source, {
    log,
    // One that dies meanwhile is told when it begins again.
    onChange: async (now) =>
      void (await Promise.allSettled(workers().map((channel) => tellCertificates(channel, now)))),
  });
}
