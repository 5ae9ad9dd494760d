// Gets events into the store without anybody waiting for it who does not want to: while one segment is written, what comes
// meanwhile gathers for the next one, so that one sync of the disk serves many events.
import { setTimeout as sleep } from 'node:timers/promises';
import type { RegistryEvent } from './event.ts';

export interface Recorder {
  /** Resolves when the event is durable. Throws what the store throws; it is tried again all the same. */
  record(event: RegistryEvent): Promise<void>;
  /** As `record`, with nobody waiting. */
  take(event: RegistryEvent): void;
  /** Writes what there is, once; resolves to the number of events that could not be written. */
  end(): Promise<number>;
}

export interface RecorderDependencies {
  readonly append: (events: readonly RegistryEvent[]) => Promise<void>;
  /** The store does not take events; so many were given up since nothing more can be remembered. */
  readonly onTrouble: (error: unknown, givenUp: number) => void;
}

interface Entry {
  readonly event: RegistryEvent;
  readonly settle?: { resolve(): void; reject(error: unknown): void };
}

/** Milliseconds that an event is held for others to come along, where nobody waits. */
const GATHER_MS = 10;
const AGAIN_MS = 1_000;
const MOST_AT_ONCE = 500;
/** Events that are remembered while the store takes none. */
const MOST_REMEMBERED = 10_000;

export function createRecorder({ append, onTrouble }: RecorderDependencies): Recorder {
  const entries: Entry[] = [];
  const ending = new AbortController();
  let isWorking = false;
  let working: Promise<void> = Promise.resolve();

  function add(entry: Entry): void {
    entries.push(entry);
    if (!isWorking) working = work();
  }

  async function work(): Promise<void> {
    isWorking = true;
    const hurries = () => entries.some(({ settle }) => settle !== undefined);
    if (!hurries()) await pause(GATHER_MS);
    while (entries.length > 0) {
      if (await write()) continue;
      if (ending.signal.aborted) break;
      await pause(AGAIN_MS);
    }
    // In the same step as the look at what there is: whoever comes later finds nobody at work.
    isWorking = false;
  }

  async function write(): Promise<boolean> {
    const batch = entries.splice(0, MOST_AT_ONCE);
    try {
      await append(batch.map(({ event }) => event));
      for (const { settle } of batch) settle?.resolve();
      return true;
    } catch (error) {
      for (const { settle } of batch) settle?.reject(error);
      entries.unshift(...batch.map(({ event }) => ({ event })));
      const givenUp = entries.splice(0, Math.max(0, entries.length - MOST_REMEMBERED));
      for (const { settle } of givenUp) settle?.reject(error);
      onTrouble(error, givenUp.length);
      return false;
    }
  }

  async function pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: ending.signal }).catch(() => undefined);
  }

  return {
    record: (event) =>
      new Promise((resolve, reject) => {
        add({ event, settle: { resolve, reject } });
      }),
    take: (event) => add({ event }),
    async end() {
      ending.abort();
      await working;
      return entries.length;
    },
  };
}
