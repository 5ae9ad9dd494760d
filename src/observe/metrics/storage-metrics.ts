// The store, and what is remembered of it, by the names of the `registry` image where it has them.
import { Counter, Histogram, type Registry } from 'prom-client';

export interface StorageMetrics {
  /** A call of the driver has ended: its method, how long it took in seconds, and what it threw. */
  readonly onAction: (action: string, seconds: number, error?: unknown) => void;
  readonly cache: CacheMeter;
}

/** What is counted of the memory of what was found whole. */
export interface CacheMeter {
  asked(isHit: boolean): void;
  /** What was found could not be noted for later. */
  failed(): void;
}

/** What the image calls its drivers. */
const DRIVERS: Readonly<Record<string, string>> = { memory: 'inmemory', s3: 's3aws' };
/** What the image calls what its drivers do. */
const ACTIONS: Readonly<Record<string, string>> = {
  read: 'GetContent',
  write: 'PutContent',
  stat: 'Stat',
  openRead: 'Reader',
  append: 'Writer',
  commit: 'Move',
  list: 'List',
  delete: 'Delete',
  presignRead: 'RedirectURL',
  openStaged: 'ReadStaged',
  abort: 'Cancel',
};

/** @param driverName the name that the driver gives itself */
export function createStorageMetrics(registry: Registry, driverName: string): StorageMetrics {
  const registers = [registry];
  const driver = DRIVERS[driverName] ?? driverName;
  const seconds = new Histogram({
    name: 'registry_storage_action_seconds',
    help: 'The number of seconds that the storage action takes.',
    labelNames: ['driver', 'action'],
    registers,
  });
  const errors = new Counter({
    name: 'berth_storage_errors_total',
    help: 'Storage actions that failed, by the reason; that something is not there is no failure.',
    labelNames: ['driver', 'action', 'code'],
    registers,
  });
  const requests = new Counter({
    name: 'registry_storage_cache_requests_total',
    help: 'The number of cache requests received.',
    registers,
  });
  const hits = new Counter({
    name: 'registry_storage_cache_hits_total',
    help: 'The number of cache requests that were answered from the cache.',
    registers,
  });
  const cacheErrors = new Counter({
    name: 'registry_storage_cache_errors_total',
    help: 'The number of cache entries that could not be kept in the storage.',
    registers,
  });

  return {
    onAction(name, took, error) {
      const action = ACTIONS[name] ?? name;
      seconds.observe({ driver, action }, took);
      const code = failureOf(error);
      if (code !== undefined) errors.inc({ driver, action, code });
    },
    cache: {
      asked(isHit) {
        requests.inc();
        if (isHit) hits.inc();
      },
      failed: () => cacheErrors.inc(),
    },
  };
}

/** The driver's word for a failure. What is no DriverError was thrown by the client's own bytes: it broke off. */
function failureOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'DriverError' || !('code' in error)) return undefined;
  return error.code === 'keyNotFound' ? undefined : String(error.code);
}
