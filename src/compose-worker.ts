// One of the processes that answer the requests of a server: everything that a request needs, and nothing that there must be
// once for a store (compose-primary.ts).
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Configuration } from '../config/schema.ts';
import { createCheckedDriver } from '../storage-drivers/checked.ts';
import { createGate, guardedBy, listenTarget, protocolsOf } from './compose.ts';
import { createRegistryApp } from './compose-app.ts';
import { relayEvents } from './compose-events.ts';
import { openObservation, storageListener } from './compose-observe.ts';
import { overRedis } from './compose-once.ts';
import { openDriver } from './compose-storage.ts';
import { type HttpServer, type Protocols, startHttpServer } from './http/server.ts';
import type { Traces } from './observe/tracing.ts';
import type { Channel } from './workers/channel.ts';
import { createSharedAttempts } from './workers/login-desk.ts';
import { createSharedQuota } from './workers/quota-desk.ts';
import { createToldCertificates } from './workers/shared-certificates.ts';
import { createWorkerCoordination } from './workers/worker-coordination.ts';

/** What the primary tells a worker when it begins. */
export const workerOrdersSchema = z.object({
  number: z.number(),
  /** What secrets are marked with, in base64. */
  key: z.string(),
  /** What events name as their source. */
  instance: z.string().optional(),
});

export type WorkerOrders = z.infer<typeof workerOrdersSchema>;

export interface WorkerDependencies {
  readonly configuration: Configuration;
  readonly log: Logger;
  readonly channel: Channel;
  readonly orders: WorkerOrders;
  readonly traces?: Traces | undefined;
  /** Ends what was opened outside, when the last request has ended. */
  readonly end: () => Promise<void>;
  /** The one line that explains why it cannot listen; `undefined` for what nobody foresaw. */
  readonly explain: (error: unknown) => Promise<string | undefined>;
}

const failingSchema = z.array(z.string());
const drainSchema = z.object({ drainMs: z.number() });
/** For what every worker sees and one tells of: that files have changed, or will run out. */
const QUIET = 'silent';

/**
 * Opens everything, listens when the primary says so, and answers requests when it says that. Throws what a start throws.
 * Resolves to what the primary has to tell people.
 */
export async function startWorker(dependencies: WorkerDependencies): Promise<object> {
  const { configuration, log, channel, orders, traces, explain, end } = dependencies;
  const store = await openDriver(configuration.storage.driver);
  const observation = await openObservation(configuration, store.name, traces);
  const driver = createCheckedDriver(store, storageListener(observation, store.name));
  const coordination =
    (await overRedis(driver, configuration, log, observation)) ?? createWorkerCoordination(driver, channel);
  const isFirst = orders.number === 1;
  const common = isFirst ? log : log.child({}, { level: QUIET });
  const access = await guardedBy(configuration, {
    driver,
    locks: coordination.locks,
    log,
    onLogin: observation.metrics?.access.onLogin,
    shared: {
      attempts: createSharedAttempts(channel),
      key: Buffer.from(orders.key, 'base64'),
      tidies: isFirst,
    },
  });
  let failing: readonly string[] = [];
  const { instance } = orders;
  const { listener } = createRegistryApp({
    access,
    ...(instance !== undefined && { tell: relayEvents(configuration, instance, sendEvent(channel)) }),
    driver,
    configuration,
    log,
    failingChecks: () => failing,
    coordination,
    observation,
    quota: createSharedQuota(channel),
  });
  const gate = createGate(listener);
  const protocols = await workerProtocols(configuration.http, common, channel);
  let server: HttpServer | undefined;

  channel.on('listen', async () => {
    try {
      server = await startHttpServer(gate.listener, listenTarget(configuration.http.listen), protocols);
      return { address: server.address, port: server.port };
    } catch (error) {
      const refused = await explain(error);
      if (refused === undefined) throw error;
      return { refused };
    }
  });
  channel.on('open', () => gate.open());
  channel.on('failing', (content) => {
    failing = failingSchema.parse(content);
  });
  channel.on('figures', () => observation.metrics?.figures());
  channel.on('drain', async (content) => {
    const cut = (await server?.close(drainSchema.parse(content).drainMs)) ?? 0;
    await access.close();
    await coordination.close();
    await end();
    return { cut };
  });
  return access.firstAdministrator === undefined ? {} : { firstAdministrator: access.firstAdministrator };
}

function sendEvent(channel: Channel): Parameters<typeof relayEvents>[2] {
  return async (event, mayBeLate) => {
    const content = JSON.stringify(event);
    if (mayBeLate) channel.tell('event', content);
    else await channel.ask('event', content);
  };
}

async function workerProtocols(
  http: Configuration['http'],
  log: Logger,
  channel: Channel,
): Promise<Protocols> {
  if (http.tls?.source.kind !== 'letsencrypt') return protocolsOf(http, log);
  const { endpointWith } = await import('./http/tls/acme/automatic-endpoint.ts');
  return { tls: await endpointWith(http.tls, createToldCertificates(channel)), http2: !http.http2.disabled };
}
