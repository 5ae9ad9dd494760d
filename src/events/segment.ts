// Some events that were kept together: their name in the store tells when, and how many they are.
import { parseEvent, type RegistryEvent } from './event.ts';

export interface Segment {
  /** Sorts bytewise by the order in which segments of one queue were written. */
  readonly name: string;
  /** When it was written, in milliseconds since 1970. */
  readonly time: number;
  readonly count: number;
}

const NAME = /^(\d{13})-(\d{9})-(\d{1,6})$/;

/** @param serial greater than that of every segment before it in the same millisecond */
export function newSegment(time: number, serial: number, count: number): Segment {
  const name = `${String(time).padStart(13, '0')}-${String(serial).padStart(9, '0')}-${count}`;
  return { name, time, count };
}

/** `undefined` for a name that no segment has. */
export function parseSegment(name: string): Segment | undefined {
  const [, time, , count] = NAME.exec(name) ?? [];
  return time === undefined ? undefined : { name, time: Number(time), count: Number(count) };
}

/** JSON lines. */
export function serializeEvents(events: readonly RegistryEvent[]): Uint8Array {
  return Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
}

/** What cannot be read any more is left out. */
export function parseEvents(content: Uint8Array): readonly RegistryEvent[] {
  return Buffer.from(content)
    .toString()
    .split('\n')
    .map(parseEvent)
    .filter((event) => event !== undefined);
}
