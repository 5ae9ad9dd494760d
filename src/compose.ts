// The wiring: a configuration goes in, a running server comes out. The only files that know every part are this one and its
// neighbours.
import type { RequestListener } from 'node:http';
import type { Logger } from 'pino';
import type { Configuration } from '../config/schema.ts';
import { createCheckedDriver } from '../storage-drivers/checked.ts';
import type { FirstAdministrator } from './auth/accounts/administrators.ts';
import { type Access, openToEverybody } from './compose-access.ts';
import { createRegistryApp } from './compose-app.ts';
import type { AccessDependencies } from './compose-auth.ts';
import { countedEvents } from './compose-events.ts';
import { openDebugServer, openObservation, storageListener } from './compose-observe.ts';
import { describeAuth, overRedis, recoverStore, showPresence, startPurging } from './compose-once.ts';
import { describeStorage, openDriver } from './compose-storage.ts';
import { type Protocols, startHttpServer } from './http/server.ts';
import { startHealthChecks } from './observe/health.ts';
import { healthChecks } from './observe/health-checks.ts';
import type { Traces } from './observe/tracing.ts';
import { createLocalCoordination } from './sessions/coordination.ts';

export interface RunningServer {
  readonly address: string;
  readonly port: number | undefined;
  /** Where health and figures are asked for: `host:port`. */
  readonly debugAddress?: string;
  /** Where the content is kept, for people. */
  readonly storage: string;
  /** How clients log in. `rules`: not at all, but there are rules for everybody. */
  readonly auth: Configuration['auth']['scheme']['name'] | 'rules';
  /** To be shown once, to whoever started the server. */
  readonly firstAdministrator?: FirstAdministrator;
  /** Lets requests finish within `http.draintimeout`, then ends everything. Resolves to the number of requests cut off. */
  close(): Promise<number>;
}

/**
 * Opens the storage and starts to listen. Throws what either of them throws; nothing is left open then.
 * @param traces gets spans of requests, and stays open when the server is closed
 */
export async function startServer(
  configuration: Configuration,
  log: Logger,
  traces?: Traces,
): Promise<RunningServer> {
  const alone = configuration.redis === undefined && !configuration.storage.maintenance.readonly.enabled;
  const store = await openDriver(configuration.storage.driver, { alone });
  const observation = await openObservation(configuration, store.name, traces);
  const driver = createCheckedDriver(store, storageListener(observation, store.name));
  await using undo = new AsyncDisposableStack();
  const coordination =
    (await overRedis(driver, configuration, log, observation)) ??
    createLocalCoordination(driver, { journaled: true });
  undo.defer(() => coordination.close());
  const health = startHealthChecks(
    healthChecks(configuration.health, () => driver.list('', { limit: 1 })),
    log,
  );
  undo.defer(() => health.stop());
  let whyNotServing: string | undefined = 'is starting';
  const debug = await openDebugServer(configuration.http.debug, {
    driver,
    health,
    observation,
    whyNotServing: () => whyNotServing,
  });
  undo.defer(async () => debug?.close());
  const access = await guardedBy(configuration, {
    driver,
    locks: coordination.locks,
    log,
    onLogin: observation.metrics?.access.onLogin,
  });
  undo.defer(() => access.close());
  const events = countedEvents(configuration, { driver, locks: coordination.locks, log }, observation);
  undo.defer(() => events.close());
  const ending = new AbortController();
  undo.defer(async () => ending.abort());
  const { listener, catalog } = createRegistryApp({
    signal: ending.signal,
    access,
    ...(events.tell && { tell: events.tell }),
    driver,
    configuration,
    log,
    failingChecks: health.failing,
    coordination,
    observation,
  });
  const gate = createGate(listener);
  const server = await startHttpServer(
    gate.listener,
    listenTarget(configuration.http.listen),
    await protocolsOf(configuration.http, log),
  );
  undo.defer(async () => void (await server.close(0)));
  const presence = await showPresence(driver, configuration, log);
  await recoverStore(driver, coordination.locks, configuration, log);
  await events.start();
  gate.open();
  whyNotServing = undefined;
  const purge = startPurging({ driver, catalog, ...coordination, log }, configuration.storage.maintenance);
  undo.move();
  return {
    address: server.address,
    port: server.port,
    ...(debug && { debugAddress: debug.address }),
    storage: describeStorage(configuration.storage.driver),
    auth: describeAuth(configuration.auth),
    ...(access.firstAdministrator && { firstAdministrator: access.firstAdministrator }),
    async close() {
      // Told before the port is closed, so that nobody sends more.
      whyNotServing = 'is stopping';
      purge?.stop();
      const cut = await server.close(configuration.http.draintimeout);
      ending.abort();
      await events.close();
      await access.close();
      await coordination.close();
      await driver.settle?.().catch((error: unknown) => {
        log.error(
          { err: error },
          'what was pushed last is in the log alone: the next start brings it to its place',
        );
      });
      // Last of what is written: the next server takes over what this one has put down.
      await presence?.end();
      health.stop();
      await debug?.close();
      return cut;
    },
  };
}

/** Holds requests back until it is opened: a port that is taken is noticed before the store is looked at. */
export function createGate(listener: RequestListener): { readonly listener: RequestListener; open(): void } {
  const opened = Promise.withResolvers<void>();
  let isOpen = false;
  return {
    listener(request, response) {
      if (isOpen) listener(request, response);
      else void opened.promise.then(() => listener(request, response));
    },
    open() {
      isOpen = true;
      opened.resolve();
    },
  };
}

/** Only who asks somebody who they are pays for loading how that is done. */
export async function guardedBy(
  configuration: Configuration,
  dependencies: AccessDependencies,
): Promise<Access> {
  const { scheme, policy } = configuration.auth;
  if (scheme.name === 'none' && policy === undefined) return openToEverybody(dependencies.log);
  const { openAccess } = await import('./compose-auth.ts');
  return openAccess(configuration, dependencies);
}

/** What is spoken besides HTTP/1.1. Throws CertificateError when the files of `http.tls` cannot be used. */
export async function protocolsOf(
  { tls, http2, h2c }: Configuration['http'],
  log: Logger,
): Promise<Protocols> {
  if (tls === undefined) return { http2: h2c.enabled };
  const { source, ...rules } = tls;
  const endpoint =
    source.kind === 'files'
      ? (await import('./http/tls/tls-endpoint.ts')).openTlsEndpoint({ ...rules, ...source }, { log })
      : (await import('./http/tls/acme/automatic-endpoint.ts')).openAutomaticEndpoint(
          { ...rules, letsencrypt: source },
          { log },
        );
  return { tls: await endpoint, http2: !http2.disabled };
}

export function listenTarget(listen: Configuration['http']['listen']) {
  if (listen.net === 'unix') return { path: listen.path };
  return { port: listen.port, ...(listen.host !== undefined && { host: listen.host }) };
}
