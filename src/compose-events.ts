// The wiring of events: the `notifications` section goes in, somebody to tell what happened comes out.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { Configuration } from '../config/schema.ts';
import { createCheckedDriver } from '../storage-drivers/checked.ts';
import type { StorageDriver } from '../storage-drivers/driver.ts';
import type { Observation } from './compose-observe.ts';
import { openSharedDriver } from './compose-storage.ts';
import type { Attempt } from './events/courier.ts';
import type { EventEndpoint } from './events/endpoint.ts';
import type { EventSettings, RegistryEvent } from './events/event.ts';
import type { Circumstances, Happening } from './registry/happening.ts';
import type { Locks } from './registry/locks.ts';

/** Events of a server that is being put together. */
export interface ServerEvents {
  /** Absent: nobody wants to know. Nothing may be told before `start`. */
  readonly tell?: (happening: Happening, circumstances: Circumstances) => Promise<void>;
  /** The same for an event that another process of this server has made. */
  readonly take?: (event: RegistryEvent) => Promise<void>;
  /** What the events of this server name as their source. */
  readonly instance?: string;
  /** Throws what the store throws. */
  start(): Promise<void>;
  /** Events that an endpoint is still to be told of, by its name. */
  pending(): ReadonlyMap<string, number>;
  close(): Promise<void>;
}

export interface EventsWiring {
  readonly driver: StorageDriver;
  readonly locks: Locks;
  readonly log: Logger;
  /** Is told how it goes; as EventsDependencies has it. */
  readonly onKeep?: ((endpoint: string, count: number) => void) | undefined;
  readonly onAttempt?: ((attempt: Attempt) => void) | undefined;
  readonly onDrop?: ((count: number, endpoint?: string) => void) | undefined;
  readonly now?: () => Date;
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

type EventsConfiguration = Pick<Configuration, 'notifications' | 'http' | 'redis' | 'storage'>;

/** Without an endpoint nothing is kept, nothing loaded and nothing told. */
export function wireEvents(configuration: EventsConfiguration, wiring: EventsWiring): ServerEvents {
  const { notifications, redis, storage } = configuration;
  const endpoints = endpointsOf(notifications);
  const isReadOnly = storage.maintenance.readonly.enabled;
  if (endpoints.length === 0 || isReadOnly) {
    if (endpoints.length > 0) wiring.log.warn('nobody is told of pulls: the storage is read only');
    return { async start() {}, pending: () => new Map(), async close() {} };
  }
  const server = randomUUID();
  const settings = eventSettings(configuration, server);
  const { now = () => new Date() } = wiring;
  let started: Awaited<ReturnType<typeof startNow>> | undefined;

  async function startNow() {
    const [{ startEvents }, { createEvent }] = await Promise.all([
      import('./events/events.ts'),
      import('./events/event.ts'),
    ]);
    const { durability, maxevents: most } = notifications;
    const isAlone = redis === undefined;
    const events = await startEvents({ endpoints, durability, most }, { ...wiring, server, isAlone });
    return { events, createEvent };
  }

  const running = () => {
    if (started === undefined) throw new Error('events have not been started');
    return started;
  };

  return {
    instance: server,
    async tell(happening, circumstances) {
      const { events, createEvent } = running();
      await events.tell(createEvent(happening, circumstances, now(), settings));
    },
    take: (event) => running().events.tell(event),
    async start() {
      started = await startNow();
    },
    pending: () => started?.events.pending() ?? new Map(),
    async close() {
      await started?.events.close();
    },
  };
}

/** The same for a running server: what becomes of events is counted where somebody wants to know. */
export function countedEvents(
  configuration: EventsConfiguration,
  wiring: Pick<EventsWiring, 'driver' | 'locks' | 'log'>,
  { metrics }: Observation,
): ServerEvents {
  const counters = metrics?.events;
  const events = wireEvents(configuration, {
    ...wiring,
    onKeep: counters?.onKeep,
    onAttempt: counters?.onAttempt,
    onDrop: counters?.onDrop,
  });
  counters?.watchPending(events.pending);
  return events;
}

/** What a worker tells of, made into events here, for the process that keeps them: one queue for a server, in one order. */
export function relayEvents(
  configuration: EventsConfiguration,
  instance: string,
  send: (event: RegistryEvent, mayBeLate: boolean) => Promise<void>,
): NonNullable<ServerEvents['tell']> {
  const settings = eventSettings(configuration, instance);
  const isStrict = configuration.notifications.durability === 'strict';
  return async (happening, circumstances) => {
    const { createEvent } = await import('./events/event.ts');
    const event = createEvent(happening, circumstances, new Date(), settings);
    await send(event, !isStrict || event.action === 'pull');
  };
}

export interface ReplayedEndpoint {
  readonly name: string;
  /** Events that it took. */
  readonly told: number;
}

/** There is no endpoint that could be told. */
export class NoEndpointError extends Error {
  override readonly name = 'NoEndpointError';
}

/**
 * Tells the endpoints of the configuration, or the one of that name, again what happened since then. Throws NoEndpointError,
 * NoSharedStorageError, NotTakenError, and what the store throws.
 */
export async function replayTo(
  { notifications, storage }: Pick<Configuration, 'notifications' | 'storage'>,
  since: Date,
  name?: string,
): Promise<readonly ReplayedEndpoint[]> {
  const endpoints = endpointsOf(notifications).filter(
    (endpoint) => name === undefined || endpoint.name === name,
  );
  if (endpoints.length === 0)
    throw new NoEndpointError(
      name === undefined
        ? 'notifications.endpoints names nobody to be told'
        : 'there is no endpoint of that name',
    );
  const { replayEvents } = await import('./events/replay.ts');
  const driver = createCheckedDriver(await openSharedDriver(storage.driver));
  const replayed: ReplayedEndpoint[] = [];
  for (const endpoint of endpoints) {
    replayed.push({ name: endpoint.name, told: await replayEvents(endpoint, since, { driver }) });
  }
  return replayed;
}

function eventSettings({ notifications, http }: EventsConfiguration, instance: string): EventSettings {
  return {
    source: { addr: sourceAddress(http.listen), instanceID: instance },
    includeReferences: notifications.events.includereferences,
  };
}

function endpointsOf({ endpoints }: Configuration['notifications']): readonly EventEndpoint[] {
  return endpoints.filter(({ disabled }) => !disabled);
}

/** As the `registry` image says where it runs. */
function sourceAddress(listen: Configuration['http']['listen']): string {
  return listen.net === 'tcp' ? `${hostname()}:${listen.port}` : hostname();
}
