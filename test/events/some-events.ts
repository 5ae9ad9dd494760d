// Events, endpoints and the service that tells the one of the other, for the tests of this folder.
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import type { EventEndpoint } from '../../src/events/endpoint.ts';
import type { RegistryEvent } from '../../src/events/event.ts';
import {
  type Events,
  type EventsDependencies,
  type EventsSettings,
  startEvents,
} from '../../src/events/events.ts';
import { createLocks } from '../../src/registry/locks.ts';
import { createCheckedDriver } from '../../storage-drivers/checked.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';

export interface EventOptions {
  readonly repository?: string;
  readonly action?: RegistryEvent['action'];
  readonly tag?: string;
  readonly mediaType?: string;
  readonly timestamp?: string;
  readonly name?: string;
  readonly useragent?: string;
}

/** The tag tells events of a test apart. */
export function eventOf(options: EventOptions = {}): RegistryEvent {
  const { repository = 'team/app', action = 'push', tag = 'v1', name, useragent = 'docker/27' } = options;
  const { mediaType = 'application/vnd.oci.image.manifest.v1+json', timestamp = '2026-03-01T10:00:00.000Z' } =
    options;
  const digest = `sha256:${'0'.repeat(64)}`;
  return {
    id: randomUUID(),
    timestamp,
    action,
    target: { mediaType, size: 7, digest, length: 7, repository, url: 'http://r/v2/', tag },
    request: { id: 'r1', addr: '10.0.0.1:4000', host: 'registry', method: 'PUT', useragent },
    actor: name === undefined ? {} : { name },
    source: { addr: 'host:5000', instanceID: 'one' },
  };
}

export function endpointOf(url: string, fields: Partial<EventEndpoint> = {}): EventEndpoint {
  return {
    name: 'sink',
    url,
    headers: {},
    timeout: 5_000,
    threshold: 3,
    backoff: 1_000,
    ignore: { mediatypes: [], actions: [] },
    format: 'v2',
    ...fields,
  };
}

export function memoryStore(): StorageDriver {
  return createCheckedDriver(createMemoryDriver());
}

/** A clock that goes on only when somebody waits for it, and then at once. */
export function fakeClock(start = Date.parse('2026-03-01T10:00:00Z')) {
  let time = start;
  return {
    now: () => new Date(time),
    async pause(ms: number, signal: AbortSignal): Promise<void> {
      // Lets the rest of the process get a turn, as a real wait would.
      await new Promise((resolve) => setImmediate(resolve));
      if (!signal.aborted) time += ms;
    },
    pass(ms: number) {
      time += ms;
    },
  };
}

export interface TestEvents extends Events {
  readonly logLines: readonly string[];
}

export async function openEvents(
  settings: Partial<EventsSettings>,
  dependencies: Partial<EventsDependencies> = {},
): Promise<TestEvents> {
  const logLines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logLines.push(line) });
  const events = await startEvents(
    { endpoints: [], durability: 'strict', most: 100_000, ...settings },
    {
      driver: memoryStore(),
      locks: createLocks(),
      log,
      server: randomUUID(),
      isAlone: true,
      ...dependencies,
    },
  );
  return { ...events, logLines };
}

/** Tags in the order of arrival, of each repository by itself. */
export function tagsByRepository(
  events: readonly { readonly target: Readonly<Record<string, unknown>> }[],
): ReadonlyMap<string, readonly string[]> {
  const groups = Map.groupBy(events, ({ target }) => String(target['repository']));
  return new Map([...groups].map(([name, list]) => [name, list.map(({ target }) => String(target['tag']))]));
}
