// Figures of events and of those who are told of them, as the `registry` image counts them.
import { STATUS_CODES } from 'node:http';
import { Counter, Gauge, type Registry } from 'prom-client';

export interface EventMetrics {
  /** So many events are to be told to the endpoint. */
  onKeep(endpoint: string, count: number): void;
  /** One attempt to tell an endpoint of one event. `status`: of the answer, if there was one. */
  onAttempt(attempt: {
    readonly endpoint: string;
    readonly isTaken: boolean;
    readonly status?: number | undefined;
  }): void;
  /** So many events were given up; without an endpoint, before they were kept for anybody. */
  onDrop(count: number, endpoint?: string): void;
  /** Asked when the figures are read: events that each endpoint is still to be told of. */
  watchPending(pending: () => ReadonlyMap<string, number>): void;
  /** Brings up to date what is asked for only when the figures are read. */
  refresh(): void;
}

/** Endpoints are those of the configuration, so there are never many series. */
export function createEventMetrics(registry: Registry): EventMetrics {
  const registers = [registry];
  const events = new Counter({
    name: 'registry_notifications_events_total',
    help: 'Events: to be told (Events), taken (Successes), refused (Failures), not answered (Errors).',
    labelNames: ['type', 'endpoint'],
    registers,
  });
  const statuses = new Counter({
    name: 'registry_notifications_status_total',
    help: 'Answers of endpoints by their status.',
    labelNames: ['code', 'endpoint'],
    registers,
  });
  const pending = new Gauge({
    name: 'registry_notifications_pending_total',
    help: 'Events that are still to be told.',
    labelNames: ['endpoint'],
    registers,
  });
  const dropped = new Counter({
    name: 'berth_events_dropped_total',
    help: 'Events that were given up before the endpoint took them.',
    labelNames: ['endpoint'],
    registers,
  });
  let counts: () => ReadonlyMap<string, number> = () => new Map();

  return {
    onKeep: (endpoint, count) => events.inc({ type: 'Events', endpoint }, count),
    onAttempt({ endpoint, isTaken, status }) {
      const type = isTaken ? 'Successes' : status === undefined ? 'Errors' : 'Failures';
      events.inc({ type, endpoint });
      if (status !== undefined)
        statuses.inc({ code: `${status} ${STATUS_CODES[status] ?? ''}`.trim(), endpoint });
    },
    onDrop: (count, endpoint = '') => dropped.inc({ endpoint }, count),
    watchPending(count) {
      counts = count;
    },
    refresh() {
      for (const [endpoint, count] of counts()) pending.set({ endpoint }, count);
    },
  };
}
