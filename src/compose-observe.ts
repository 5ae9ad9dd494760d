// The wiring of what is told of a running server: figures, traces, and the address where they and its health are asked for.
import type { Configuration } from '../config/schema.ts';
import type { CheckedDriverOptions } from '../storage-drivers/checked.ts';
import type { StorageDriver } from '../storage-drivers/driver.ts';
import { type DebugServer, startDebugServer } from './observe/debug-server.ts';
import type { Health } from './observe/health.ts';
import type { Metrics } from './observe/metrics/metrics.ts';
import { createReadiness } from './observe/readiness.ts';
import type { Traces } from './observe/tracing.ts';
import type { RedisListeners } from './sessions/redis-coordination.ts';

/** Who wants to know what happens. Where nobody does, nothing is done for it. */
export interface Observation {
  readonly metrics?: Metrics | undefined;
  readonly traces?: Traces | undefined;
}

type OnAction = NonNullable<CheckedDriverOptions['onAction']>;

/** Makes the figures that the configuration asks for. `driver` is the name that the storage driver gives itself. */
export async function openObservation(
  { http, redis }: Pick<Configuration, 'http' | 'redis'>,
  driver: string,
  traces: Traces | undefined,
): Promise<Observation> {
  const { addr, prometheus } = http.debug;
  if (addr === undefined || !prometheus.enabled) return { traces };
  // Only who asks for figures pays for loading what makes them.
  const { createMetrics } = await import('./observe/metrics/metrics.ts');
  return { traces, metrics: createMetrics({ driver, hasRedis: redis !== undefined }) };
}

/** What the storage driver tells, and to whom. */
export function storageListener(
  { metrics, traces }: Observation,
  driver: string,
): { readonly onAction?: OnAction } {
  const traced: OnAction | undefined =
    traces && ((action, seconds, error) => traces.onStorageAction(driver, action, seconds, error));
  const counted = metrics?.storage.onAction;
  if (traced === undefined || counted === undefined) {
    const onAction = traced ?? counted;
    return onAction === undefined ? {} : { onAction };
  }
  return {
    onAction(...told) {
      counted(...told);
      traced(...told);
    },
  };
}

/** What the connection to Redis tells, and to whom. */
export function redisListeners({ metrics, traces }: Observation): RedisListeners {
  return {
    onChange: metrics?.redis?.onChange,
    onScript(seconds, error) {
      metrics?.redis?.onScript(seconds, error);
      traces?.onScript(seconds, error);
    },
  };
}

export interface DebugDependencies {
  readonly driver: StorageDriver;
  readonly health: Health;
  readonly observation: Observation;
  /** Why no requests are served now, if so. */
  readonly whyNotServing: () => string | undefined;
}

/** Listens where `http.debug.addr` says, if it says so. Throws DebugAddressError. */
export async function openDebugServer(
  { addr, prometheus }: Configuration['http']['debug'],
  { driver, health, observation, whyNotServing }: DebugDependencies,
): Promise<DebugServer | undefined> {
  if (addr === undefined) return undefined;
  const { metrics } = observation;
  metrics?.watchHealth(health.names, health.failing);
  return startDebugServer(addr, {
    failures: health.failures,
    unready: createReadiness({
      failures: health.failures,
      lookAtStore: () => driver.list('', { limit: 1 }),
      whyNotServing,
    }),
    ...(metrics && { metrics: { path: prometheus.path, page: metrics.page } }),
  });
}
