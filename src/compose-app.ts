// The registry on a store that is open: the domain, and the HTTP application in front of it.
import type { RequestListener } from 'node:http';
import type { Logger } from 'pino';
import { proxyBlockList } from '../config/network.ts';
import type { Configuration } from '../config/schema.ts';
import type { StorageDriver } from '../storage-drivers/driver.ts';
import { type Access, openToEverybody } from './compose-access.ts';
import type { ServerEvents } from './compose-events.ts';
import type { Observation } from './compose-observe.ts';
import { createApp } from './http/app.ts';
import { createClientAddress } from './http/client-address.ts';
import { createGuard } from './http/guard.ts';
import { createBaseHandlers } from './http/handlers/base.ts';
import { createBlobHandlers } from './http/handlers/blobs.ts';
import { createListHandlers } from './http/handlers/lists.ts';
import { createManifestHandlers } from './http/handlers/manifests.ts';
import { createUploadHandlers } from './http/handlers/uploads.ts';
import { createKeptTags } from './http/kept-tags.ts';
import { createLocations, type Locations } from './http/locations.ts';
import { type ClientOrigin, createClientOrigin } from './http/origin.ts';
import { createRedirectPolicy, type RedirectSettings } from './http/redirect-policy.ts';
import { createReport, type Report } from './http/report.ts';
import type { Handlers } from './http/routes.ts';
import { createUploadQuota, type UploadQuota } from './http/upload-quota.ts';
import { createBlobs } from './registry/blobs.ts';
import { type Catalog, createCatalog } from './registry/catalog.ts';
import { createContent } from './registry/content.ts';
import { createDeletedManifests } from './registry/deleted-manifests.ts';
import { createHeldContent } from './registry/held-content.ts';
import { createManifestRemoval } from './registry/manifest-removal.ts';
import { createManifestRules, type ManifestRulesSettings } from './registry/manifest-rules.ts';
import { createManifests } from './registry/manifests.ts';
import { createReferrers } from './registry/referrers.ts';
import { createRepositories } from './registry/repositories.ts';
import { createSharedBlocks } from './registry/shared-blocks.ts';
import { createStoredManifests } from './registry/stored-manifests.ts';
import { createTags } from './registry/tags.ts';
import { createUploads } from './registry/uploads.ts';
import { createWitness } from './registry/witness.ts';
import { type Coordination, createLocalCoordination } from './sessions/coordination.ts';

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
   * How many uploads a client may have open.
   * @default counted within this process
   */
  readonly quota?: UploadQuota;
  /**
   * Milliseconds over which a transfer is looked at before it is cut for being slow.
   * @default 60_000
   */
  readonly pacePeriodMs?: number;
  /**
   * Gives up what goes on behind the answers, so that the process can end.
   * @default never
   */
  readonly signal?: AbortSignal;
}

/** The registry as something to answer requests with; not listening yet. */
export interface RegistryApp {
  readonly listener: RequestListener;
  /** What else works on the same store has to share it. */
  readonly catalog: Catalog;
}

const PACE_PERIOD_MS = 60_000;

/** Puts the registry together on a store that is open, without timers and without a socket. */
export function createRegistryApp(dependencies: RegistryAppDependencies): RegistryApp {
  const {
    configuration,
    log,
    failingChecks = () => [],
    coordination = createLocalCoordination(dependencies.driver),
    access = openToEverybody(log),
    observation = {},
    tell,
    quota = ownQuota(configuration, observation),
    pacePeriodMs = PACE_PERIOD_MS,
    signal,
  } = dependencies;
  const { driver, witness } = createWitness(dependencies.driver);
  const registry = createRegistry(driver, coordination, configuration, observation, signal);
  const proxies = proxyBlockList(configuration.http.trustedproxies);
  const originOf = createClientOrigin(proxies);
  const report = tell && reportTo(tell, configuration, originOf);
  const listener = createApp({
    handlers: createHandlers(registry, access, configuration, { pacePeriodMs, observation, report, quota }),
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
    witness,
    report,
    settings: {
      prefix: configuration.http.prefix,
      headers: Object.entries(configuration.http.headers),
      readOnly: configuration.storage.maintenance.readonly.enabled,
      logEveryRequest: !configuration.log.accesslog.disabled,
    },
  });
  return { listener, catalog: registry.catalog };
}

function createRegistry(
  driver: StorageDriver,
  { locks, sessions }: Coordination,
  configuration: Configuration,
  { metrics }: Observation,
  signal: AbortSignal | undefined,
) {
  const content = createContent(driver, metrics?.storage.cache);
  const catalog = createCatalog(driver);
  const deleted = createDeletedManifests(driver);
  const tags = createTags(driver, deleted, { concurrentReads: configuration.storage.tag.concurrencylimit });
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
  const removal = createManifestRemoval({ stored, tags, deleted, referrers, isHeld, locks, signal });
  const manifests = createManifests({ stored, tags, deleted, referrers, rules, removal, locks });
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
    quota,
  }: { pacePeriodMs: number; observation: Observation; report: Report | undefined; quota: UploadQuota },
): Handlers {
  const { minimumrate } = configuration.http;
  const locations = locationsOf(configuration.http);
  const pace = { minimumRate: minimumrate, periodMs: pacePeriodMs };
  const deleteEnabled = configuration.storage.delete.enabled;
  const { blobs, uploads, manifests, isHeld } = registry;
  const keptTags = createKeptTags(access.policy);
  return {
    base: createBaseHandlers(),
    blobs: createBlobHandlers({
      blobs,
      isHeld,
      keptTags,
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
      blocks: createSharedBlocks(),
      quota,
      report,
    }),
    manifests: createManifestHandlers({
      manifests,
      locations,
      pace,
      deleteEnabled,
      keptTags,
      report,
    }),
    lists: createListHandlers({
      ...registry,
      locations,
      maxTags: configuration.tags.maxtags,
      maxRepositories: configuration.catalog.maxentries,
    }),
    ...access.handlers?.({ pace, onToken: metrics?.access.onToken }),
  };
}

function ownQuota({ http }: Configuration, { metrics }: Observation): UploadQuota {
  const quota = createUploadQuota({ most: http.openuploads });
  metrics?.watchOpenUploads(quota.open);
  return quota;
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
