// The wiring: a configuration goes in, a running server comes out. The only file that knows every part.
import type { RequestListener } from 'node:http';
import type { Logger } from 'pino';
import { proxyBlockList } from '../config/network.ts';
import type { Configuration } from '../config/schema.ts';
import { createCheckedDriver } from '../storage-drivers/checked.ts';
import type { StorageDriver } from '../storage-drivers/driver.ts';
import { drivers } from '../storage-drivers/index.ts';
import type { FirstAdministrator } from './auth/accounts/administrators.ts';
import { describeCaller } from './auth/audit.ts';
import { type Access, openAccess, openToEverybody } from './compose-auth.ts';
import { type ServerEvents, wireEvents } from './compose-events.ts';
import {
  type Observation,
  openDebugServer,
  openObservation,
  redisListeners,
  storageListener,
} from './compose-observe.ts';
import { createApp } from './http/app.ts';
import { createClientAddress } from './http/client-address.ts';
import { createGuard } from './http/guard.ts';
import { createAdminHandlers } from './http/handlers/admin/handlers.ts';
import { createBaseHandlers } from './http/handlers/base.ts';
import { createBlobHandlers } from './http/handlers/blobs.ts';
import { createListHandlers } from './http/handlers/lists.ts';
import { createManifestHandlers, type ManifestHandlersDependencies } from './http/handlers/manifests.ts';
import { createTokenHandlers, type TokenHandlersDependencies } from './http/handlers/tokens.ts';
import { createUploadHandlers } from './http/handlers/uploads.ts';
import { createLocations, type Locations } from './http/locations.ts';
import { type ClientOrigin, createClientOrigin } from './http/origin.ts';
import { createRedirectPolicy, type RedirectSettings } from './http/redirect-policy.ts';
import { createReport, type Report } from './http/report.ts';
import type { Handlers } from './http/routes.ts';
import { type Protocols, startHttpServer } from './http/server.ts';
import { openAutomaticEndpoint } from './http/tls/acme/automatic-endpoint.ts';
import { openTlsEndpoint } from './http/tls/tls-endpoint.ts';
import { createUploadQuota } from './http/upload-quota.ts';
import { announcePresence, type Presence } from './maintenance/presence.ts';
import type { PurgeDependencies } from './maintenance/purge-uploads.ts';
import { type Schedule, schedulePurge } from './maintenance/schedule.ts';
import { startHealthChecks } from './observe/health.ts';
import { healthChecks } from './observe/health-checks.ts';
import type { Traces } from './observe/tracing.ts';
import { createBlobs } from './registry/blobs.ts';
import { type Catalog, createCatalog } from './registry/catalog.ts';
import { createContent } from './registry/content.ts';
import { createHeldContent } from './registry/held-content.ts';
import { createManifestRules, type ManifestRulesSettings } from './registry/manifest-rules.ts';
import { createManifests } from './registry/manifests.ts';
import { createReferrers } from './registry/referrers.ts';
import { createRepositories } from './registry/repositories.ts';
import { createStoredManifests } from './registry/stored-manifests.ts';
import { createTags } from './registry/tags.ts';
import { createUploads } from './registry/uploads.ts';
import { type Coordination, createLocalCoordination } from './sessions/coordination.ts';

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

export interface RegistryAppDependencies {
  /** Where everything is kept; one that checks its keys. */
  readonly driver: StorageDriver;
  readonly configuration: Configuration;
  readonly log: Logger;
  /**
   * Names of the health checks that fail.
   * @default () => []
   */
  readonly failingChecks?: () => readonly string[];
  /**
   * How requests keep out of each other's way.
   * @default within this process
   */
  readonly coordination?: Coordination;
  /**
   * Who may do what.
   * @default everybody everything
   */
  readonly access?: Access;
  /**
   * Who wants to know what happens.
   * @default nobody
   */
  readonly observation?: Observation;
  /**
   * Is told what happens to content.
   * @default nobody
   */
  readonly tell?: ServerEvents['tell'];
  /**
   * Milliseconds over which a transfer is looked at before it is cut for being slow.
   * @default 60_000
   */
  readonly pacePeriodMs?: number;
}

/** The registry as something to answer requests with; not listening yet. */
export interface RegistryApp {
  readonly listener: RequestListener;
  /** What else works on the same store has to share these. */
  readonly catalog: Catalog;
}

const PACE_PERIOD_MS = 60_000;
const SIGN_OF_LIFE_MS = 5_000;

/**
 * Opens the storage and starts to listen. Throws what either of them throws; nothing is left open then.
 * @param traces gets spans of requests, and stays open when the server is closed
 */
export async function startServer(
  configuration: Configuration,
  log: Logger,
  traces?: Traces,
): Promise<RunningServer> {
  const store = await openDriver(configuration.storage.driver);
  const observation = await openObservation(configuration, store.name, traces);
  const driver = createCheckedDriver(store, storageListener(observation, store.name));
  await using undo = new AsyncDisposableStack();
  const coordination = await coordinate(driver, configuration, log, observation);
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
  const access = await openAccess(configuration, {
    driver,
    locks: coordination.locks,
    log,
    onLogin: observation.metrics?.access.onLogin,
  });
  undo.defer(() => access.close());
  const eventMetrics = observation.metrics?.events;
  const events = wireEvents(configuration, {
    driver,
    locks: coordination.locks,
    log,
    onKeep: eventMetrics?.onKeep,
    onAttempt: eventMetrics?.onAttempt,
    onDrop: eventMetrics?.onDrop,
  });
  eventMetrics?.watchPending(events.pending);
  undo.defer(() => events.close());
  const { listener, catalog } = createRegistryApp({
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
      await events.close();
      await presence?.end();
      await access.close();
      await coordination.close();
      health.stop();
      await debug?.close();
      return cut;
    },
  };
}

/** Holds requests back until it is opened: a port that is taken is noticed before the store is looked at. */
function createGate(listener: RequestListener): { readonly listener: RequestListener; open(): void } {
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

/** Puts the registry together on a store that is open, without timers and without a socket. */
export function createRegistryApp(dependencies: RegistryAppDependencies): RegistryApp {
  const {
    driver,
    configuration,
    log,
    failingChecks = () => [],
    coordination = createLocalCoordination(driver),
    access = openToEverybody(log),
    observation = {},
    tell,
    pacePeriodMs = PACE_PERIOD_MS,
  } = dependencies;
  const registry = createRegistry(driver, coordination, configuration, observation);
  const proxies = proxyBlockList(configuration.http.trustedproxies);
  const originOf = createClientOrigin(proxies);
  const report = tell && reportTo(tell, configuration, originOf);
  const app = createApp({
    handlers: createHandlers(registry, access, configuration, { pacePeriodMs, observation, report }),
    log,
    meter: observation.metrics?.http,
    tracer: observation.traces?.requests,
    addressOf: createClientAddress(proxies),
    guard: createGuard({
      gatekeeper: access.gatekeeper,
      originOf,
      audit: access.audit,
    }),
    failingChecks,
    settings: {
      prefix: configuration.http.prefix,
      headers: Object.entries(configuration.http.headers),
      readOnly: configuration.storage.maintenance.readonly.enabled,
      logEveryRequest: !configuration.log.accesslog.disabled,
    },
  });
  return { listener: app.callback(), catalog: registry.catalog };
}

function startPurging(
  dependencies: PurgeDependencies,
  { uploadpurging, readonly }: Configuration['storage']['maintenance'],
): Schedule | undefined {
  if (!uploadpurging.enabled || readonly.enabled) return undefined;
  const { age, interval, dryrun } = uploadpurging;
  return schedulePurge(dependencies, { ageMs: age, intervalMs: interval, dryRun: dryrun });
}

/** Over Redis if there is one, else within this process. */
async function coordinate(
  driver: StorageDriver,
  { redis, storage }: Configuration,
  log: Logger,
  observation: Observation,
): Promise<Coordination> {
  if (redis === undefined) return createLocalCoordination(driver);
  // Only who uses it pays for loading the client.
  const { createRedisCoordination } = await import('./sessions/redis-coordination.ts');
  const uploadTtlMs = storage.maintenance.uploadpurging.age;
  return createRedisCoordination(driver, redis, uploadTtlMs, log, redisListeners(observation));
}

/** A server that works alone has to be the only one that writes to its store. Throws StoreInUseError if it is not. */
async function showPresence(
  driver: StorageDriver,
  { redis, storage }: Configuration,
  log: Logger,
): Promise<Presence | undefined> {
  const sharesNothing = storage.driver.name === 'inmemory' || storage.maintenance.readonly.enabled;
  if (redis !== undefined || sharesNothing) return undefined;
  return announcePresence(driver, log, { intervalMs: SIGN_OF_LIFE_MS });
}

function openDriver(choice: Configuration['storage']['driver']): Promise<StorageDriver> {
  if (choice.name === 'inmemory') return drivers.memory();
  if (choice.name === 's3') return drivers.s3(choice);
  return drivers.filesystem({ rootDirectory: choice.rootdirectory });
}

function createRegistry(
  driver: StorageDriver,
  { locks, sessions }: Coordination,
  configuration: Configuration,
  { metrics }: Observation,
) {
  const content = createContent(driver, metrics?.storage.cache);
  const catalog = createCatalog(driver);
  const tags = createTags(driver, { concurrentReads: configuration.storage.tag.concurrencylimit });
  const blobs = createBlobs({ driver, content, catalog, locks });
  const uploads = createUploads({ driver, sessions, blobs, locks });
  const stored = createStoredManifests(driver, content, tags);
  const referrers = createReferrers({ driver, manifests: stored });
  const rules = createManifestRules({
    blobs,
    manifests: stored,
    settings: rulesOf(configuration.validation),
  });
  const isHeld = createHeldContent({ stored, tags });
  const manifests = createManifests({ stored, tags, referrers, rules, isHeld, locks });
  const repositories = createRepositories(driver);
  return { catalog, tags, blobs, uploads, referrers, manifests, repositories, isHeld };
}

function createHandlers(
  registry: ReturnType<typeof createRegistry>,
  access: Access,
  configuration: Configuration,
  {
    pacePeriodMs,
    observation: { metrics },
    report,
  }: { pacePeriodMs: number; observation: Observation; report: Report | undefined },
): Handlers {
  const { minimumrate } = configuration.http;
  const locations = locationsOf(configuration.http);
  const pace = { minimumRate: minimumrate, periodMs: pacePeriodMs };
  const deleteEnabled = configuration.storage.delete.enabled;
  const { blobs, uploads, manifests, isHeld } = registry;
  const isImmutable: ManifestHandlersDependencies['isImmutable'] = (repository, tag) =>
    access.policy().isImmutable(repository, tag);
  const quota = createUploadQuota({ most: configuration.http.openuploads });
  metrics?.watchOpenUploads(quota.open);
  return {
    base: createBaseHandlers(),
    blobs: createBlobHandlers({
      blobs,
      isHeld,
      isImmutable,
      pace,
      deleteEnabled,
      mayRedirect: createRedirectPolicy(redirectOf(configuration.storage.redirect)),
      report,
    }),
    uploads: createUploadHandlers({
      uploads,
      blobs,
      locations,
      pace,
      quota,
      report,
    }),
    manifests: createManifestHandlers({
      manifests,
      locations,
      pace,
      deleteEnabled,
      isImmutable,
      report,
    }),
    lists: createListHandlers({
      ...registry,
      locations,
      maxTags: configuration.tags.maxtags,
      maxRepositories: configuration.catalog.maxentries,
    }),
    ...officeHandlers(access, configuration, { pace, onToken: metrics?.access.onToken }),
  };
}

function locationsOf({ host, prefix, secret }: Configuration['http']): Locations {
  return createLocations({ prefix, ...(host && { host }), ...(secret && { secret }) });
}

function reportTo(
  tell: NonNullable<ServerEvents['tell']>,
  { http }: Configuration,
  originOf: ClientOrigin,
): Report {
  return createReport({ tell, originOf, locations: locationsOf(http) });
}

/** Tokens and accounts, where they are made and kept here. */
function officeHandlers(
  { tokens, accounts, audit }: Access,
  configuration: Configuration,
  { pace, onToken }: Pick<TokenHandlersDependencies, 'pace' | 'onToken'>,
): Pick<Handlers, 'tokens' | 'admin'> {
  if (tokens === undefined) return {};
  const { prefix } = configuration.http;
  return {
    tokens: createTokenHandlers({
      tokens: tokens.service,
      keys: tokens.keys,
      logins: tokens.logins,
      service: tokens.serviceName,
      audit,
      pace,
      onToken,
    }),
    ...(accounts && {
      admin: createAdminHandlers({
        accounts,
        revokeToken: tokens.service.revoke,
        audit: ({ act, by, about }) =>
          audit.info({ event: 'administration', act, ...describeCaller(by), about }, 'accounts changed'),
        prefix,
        pace,
      }),
    }),
  };
}

function redirectOf({ disable, except }: Configuration['storage']['redirect']): RedirectSettings {
  const { useragents, networks } = except;
  return { disable, except: { useragents, networks: proxyBlockList(networks) } };
}

function rulesOf({ disabled, manifests }: Configuration['validation']): ManifestRulesSettings {
  if (disabled) return { urls: { allow: [], deny: [] }, platforms: 'all' };
  const { allow, deny } = manifests.urls;
  const { platforms, platformlist } = manifests.indexes;
  return {
    // As the `registry` image has it: without a word on URLs, none is taken.
    urls: allow.length === 0 && deny.length === 0 ? { allow, deny: [/(?:)/] } : { allow, deny },
    platforms: platforms === 'list' ? platformlist : platforms,
  };
}

/** What is spoken besides HTTP/1.1. Throws CertificateError when the files of `http.tls` cannot be used. */
async function protocolsOf({ tls, http2, h2c }: Configuration['http'], log: Logger): Promise<Protocols> {
  if (tls === undefined) return { http2: h2c.enabled };
  const { source, ...rules } = tls;
  const endpoint =
    source.kind === 'files'
      ? openTlsEndpoint({ ...rules, ...source }, { log })
      : openAutomaticEndpoint({ ...rules, letsencrypt: source }, { log });
  return { tls: await endpoint, http2: !http2.disabled };
}

function listenTarget(listen: Configuration['http']['listen']) {
  if (listen.net === 'unix') return { path: listen.path };
  return { port: listen.port, ...(listen.host !== undefined && { host: listen.host }) };
}

function describeAuth({ scheme, policy }: Configuration['auth']): RunningServer['auth'] {
  return scheme.name === 'none' && policy !== undefined ? 'rules' : scheme.name;
}

function describeStorage(choice: Configuration['storage']['driver']): string {
  if (choice.name === 's3') return `s3 bucket ${choice.bucket}`;
  return choice.name === 'filesystem' ? choice.rootdirectory : 'memory, until the server stops';
}
