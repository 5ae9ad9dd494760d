// The events of one server in the store, in their order, and how far each endpoint was told. One server at a time works on a
// queue: the one that began it, or the one that took it over (ownership.ts).
//
// A segment is durable when `append` resolves. Positions are saved now and then: after a crash an endpoint is told again what it
// was told last, and never too little. Segments stay after everybody was told, so that they can be told again, until they are a
// day old; what is more than the limit goes at once, the oldest first, told or not.
import { LRUCache } from 'lru-cache';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { isKeyNotFound } from '../../storage-drivers/errors.ts';
import * as layout from '../registry/layout.ts';
import type { RegistryEvent } from './event.ts';
import { newSegment, parseEvents, parseSegment, type Segment, serializeEvents } from './segment.ts';

export interface Queue {
  readonly id: string;
  /** The first segments that the endpoint has not been told of. */
  next(endpoint: string, most: number): readonly Segment[];
  /** Whether the endpoint is still to be told of the segment. */
  isPending(endpoint: string, segment: Segment): boolean;
  /** Events that the endpoint is still to be told of. */
  pending(endpoint: string): number;
  /** Keeps the events. Throws what the store throws; they are not kept then. */
  append(events: readonly RegistryEvent[]): Promise<void>;
  /** The events of a segment; none if it is gone. Throws what the store throws. */
  read(segment: Segment): Promise<readonly RegistryEvent[]>;
  /** The endpoint was told of everything up to this segment. */
  pass(endpoint: string, segment: Segment): void;
  /** Saves the positions, if they changed. */
  save(): Promise<void>;
  /** Removes what is beyond the limit. Resolves to how many events of it each endpoint was not told of. */
  bound(): Promise<ReadonlyMap<string, number>>;
  /** Removes what everybody was told of before that time, in milliseconds since 1970. */
  prune(before: number): Promise<void>;
  /** Whether nothing is in it any more. */
  isEmpty(): boolean;
}

export interface QueueSettings {
  /** Names of all endpoints. */
  readonly endpoints: readonly string[];
  /** Events that are kept at most. */
  readonly most: number;
  readonly now: () => Date;
}

type Positions = Map<string, string>;

/** Bytes of events that are remembered, so that several endpoints do not read them one by one. */
const REMEMBERED_BYTES = 4 * 1024 * 1024;

/** A new queue. In the store from now on, so that after a crash it is known who was to be told. */
export async function beginQueue(driver: StorageDriver, id: string, settings: QueueSettings): Promise<Queue> {
  const positions = new Map(settings.endpoints.map((name) => [name, '']));
  await driver.write(layout.eventPositions(id), serializePositions(positions));
  return createQueue(driver, id, { segments: [], positions }, settings);
}

/** A queue that is there already. Who was not an endpoint when it was begun is not told of what is in it. */
export async function openQueue(driver: StorageDriver, id: string, settings: QueueSettings): Promise<Queue> {
  const saved = await readPositions(driver, id);
  const segments = await listSegments(driver, id);
  const known = settings.endpoints.filter((name) => saved?.has(name) ?? true);
  const positions = new Map(known.map((name) => [name, saved?.get(name) ?? '']));
  return createQueue(driver, id, { segments, positions }, settings);
}

/** The segments of a queue, oldest first. */
export async function listSegments(driver: StorageDriver, id: string, after = ''): Promise<Segment[]> {
  const entries = await driver.list(layout.eventSegments(id), after === '' ? {} : { after });
  return entries.map(({ name }) => parseSegment(name)).filter((segment) => segment !== undefined);
}

export async function readSegment(
  driver: StorageDriver,
  id: string,
  { name }: Segment,
): Promise<readonly RegistryEvent[]> {
  try {
    return parseEvents(await driver.read(layout.eventSegment(id, name)));
  } catch (error) {
    if (isKeyNotFound(error)) return [];
    throw error;
  }
}

function createQueue(
  driver: StorageDriver,
  id: string,
  { segments, positions }: { readonly segments: Segment[]; readonly positions: Positions },
  { most, now }: QueueSettings,
): Queue {
  const recent = new LRUCache<string, readonly RegistryEvent[]>({ maxSize: REMEMBERED_BYTES });
  const pending = new Map(
    [...positions].map(([name, position]) => [name, countOf(segments.slice(indexAfter(segments, position)))]),
  );
  let kept = countOf(segments);
  let serial = 0;
  let isSaved = true;

  function passTo(endpoint: string, name: string): number {
    const position = positions.get(endpoint);
    if (position === undefined || position >= name) return 0;
    const passed = countOf(segments.slice(indexAfter(segments, position), indexAfter(segments, name)));
    positions.set(endpoint, name);
    pending.set(endpoint, (pending.get(endpoint) ?? 0) - passed);
    isSaved = false;
    return passed;
  }

  async function remove(gone: readonly Segment[]): Promise<void> {
    for (const { name } of gone) {
      recent.delete(name);
      await driver.delete(layout.eventSegment(id, name), { durable: false, alone: true });
    }
  }

  /** Out of the list first: nobody begins to read what is about to go. */
  function takeFirst(count: number): readonly Segment[] {
    const gone = segments.splice(0, count);
    kept -= countOf(gone);
    return gone;
  }

  return {
    id,

    next(endpoint, most) {
      const position = positions.get(endpoint);
      if (position === undefined) return [];
      const index = indexAfter(segments, position);
      return segments.slice(index, index + most);
    },

    isPending(endpoint, { name }) {
      const position = positions.get(endpoint);
      return position !== undefined && position < name;
    },

    pending: (endpoint) => pending.get(endpoint) ?? 0,

    async append(events) {
      serial += 1;
      // A clock that goes back must not put new events before old ones.
      const time = Math.max(now().getTime(), segments.at(-1)?.time ?? 0);
      const segment = newSegment(time, serial, events.length);
      const content = serializeEvents(events);
      await driver.write(layout.eventSegment(id, segment.name), content);
      recent.set(segment.name, events, { size: content.length });
      segments.push(segment);
      kept += events.length;
      for (const [name, count] of pending) pending.set(name, count + events.length);
    },

    async read(segment) {
      return recent.get(segment.name) ?? readSegment(driver, id, segment);
    },

    pass: (endpoint, { name }) => void passTo(endpoint, name),

    async save() {
      if (isSaved) return;
      isSaved = true;
      try {
        await driver.write(layout.eventPositions(id), serializePositions(positions), { durable: false });
      } catch (error) {
        isSaved = false;
        throw error;
      }
    },

    async bound() {
      let over = kept - most;
      let count = 0;
      while (over > 0 && count < segments.length - 1) {
        over -= segments[count]?.count ?? 0;
        count += 1;
      }
      const last = segments[count - 1];
      if (last === undefined) return new Map();
      const lost = [...positions.keys()].map((name): [string, number] => [name, passTo(name, last.name)]);
      await remove(takeFirst(count));
      return new Map(lost.filter(([, events]) => events > 0));
    },

    async prune(before) {
      const told = [...positions.values()].reduce((least, name) => (name < least ? name : least), '~');
      const index = segments.findIndex(({ name, time }) => time >= before || name > told);
      await remove(takeFirst(index === -1 ? segments.length : index));
    },

    isEmpty: () => segments.length === 0,
  };
}

/** The index of the first segment behind a position. */
function indexAfter(segments: readonly Segment[], position: string): number {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((segments[middle]?.name ?? '') > position) high = middle;
    else low = middle + 1;
  }
  return low;
}

function countOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, { count }) => sum + count, 0);
}

function serializePositions(positions: Positions): Uint8Array {
  return Buffer.from(JSON.stringify(Object.fromEntries(positions)));
}

/** `undefined` if they are torn or gone: then everybody is told again of everything. */
async function readPositions(driver: StorageDriver, id: string): Promise<Positions | undefined> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(await driver.read(layout.eventPositions(id))).toString());
  } catch (error) {
    if (!isKeyNotFound(error) && !(error instanceof SyntaxError)) throw error;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  return new Map(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
