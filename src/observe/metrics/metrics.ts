// Everything that Prometheus may ask for: one set of figures for each server. Loaded only where metrics are wanted.
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { type AccessMetrics, createAccessMetrics } from './access-metrics.ts';
import { createEventMetrics, type EventMetrics } from './event-metrics.ts';
import { createHttpMetrics, type HttpMetrics } from './http-metrics.ts';
import { createRedisMetrics, type RedisMetrics } from './redis-metrics.ts';
import { createStorageMetrics, type StorageMetrics } from './storage-metrics.ts';

export interface Metrics {
  readonly http: HttpMetrics['meter'];
  readonly storage: StorageMetrics;
  readonly access: AccessMetrics;
  readonly events: Omit<EventMetrics, 'refresh'>;
  /** Only where there is a Redis. */
  readonly redis?: RedisMetrics;
  /** Asked when the figures are read: uploads that are open here. */
  watchOpenUploads(count: () => number): void;
  /** Asked when the figures are read: the health checks there are, and those of them that fail. */
  watchHealth(checks: readonly string[], failing: () => readonly string[]): void;
  /** All figures, in the text format of Prometheus. */
  page(): Promise<MetricsPage>;
  /** All figures as JSON, for the process that sums up those of several. */
  figures(): Promise<unknown>;
}

export interface MetricsPage {
  readonly contentType: string;
  readonly text: string;
}

export interface MetricsSettings {
  /** The name that the storage driver gives itself. */
  readonly driver: string;
  readonly hasRedis: boolean;
}

export function createMetrics({ driver, hasRedis }: MetricsSettings): Metrics {
  const registry = new Registry();
  // Those of the process and of Node, the delay of its event loop among them (nodejs_eventloop_lag_*).
  collectDefaultMetrics({ register: registry });
  const http = createHttpMetrics(registry);
  const openUploads = new Gauge({
    name: 'berth_uploads_open',
    help: 'Uploads that were begun here, are not finished, and were gone on with within an hour.',
    registers: [registry],
  });
  const failingChecks = new Gauge({
    name: 'berth_health_check_failing',
    help: 'Whether a health check fails.',
    labelNames: ['check'],
    registers: [registry],
  });
  let refresh = () => http.refresh();
  const also = (more: () => void) => {
    const before = refresh;
    refresh = () => {
      before();
      more();
    };
  };

  const events = createEventMetrics(registry);
  also(events.refresh);

  return {
    http: http.meter,
    events,
    storage: createStorageMetrics(registry, driver),
    access: createAccessMetrics(registry),
    ...(hasRedis && { redis: createRedisMetrics(registry) }),
    watchOpenUploads(count) {
      also(() => openUploads.set(count()));
    },
    watchHealth(checks, failing) {
      also(() => {
        const names = failing();
        for (const check of checks) failingChecks.set({ check }, names.includes(check) ? 1 : 0);
      });
    },
    async page() {
      refresh();
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
    figures() {
      refresh();
      return registry.getMetricsAsJSON();
    },
  };
}
