// Tells one endpoint of the events in the queues: each until it is taken, those of one repository in their order.
import pMap from 'p-map';
import type { Logger } from 'pino';
import { type EventEndpoint, wants } from './endpoint.ts';
import type { RegistryEvent } from './event.ts';
import { NotTakenError, type Postman } from './post.ts';
import type { Queue } from './queue.ts';
import type { Segment } from './segment.ts';

export interface Courier {
  /** There is something new. */
  wake(): void;
  /** Begins no further attempt; those under way have some milliseconds. Resolves when nothing is under way. */
  stop(graceMs: number): Promise<void>;
}

/** What an attempt came to. `status`: of the answer, if there was one. */
export interface Attempt {
  readonly endpoint: string;
  readonly isTaken: boolean;
  readonly status?: number | undefined;
}

export interface CourierDependencies {
  readonly endpoint: EventEndpoint;
  readonly postman: Pick<Postman, 'post'>;
  /** In the order in which they are told. */
  readonly queues: () => readonly Queue[];
  readonly log: Logger;
  /** Waits for some milliseconds; ends early, without an error, when the signal does. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly onAttempt?: ((attempt: Attempt) => void) | undefined;
}

/** Repositories whose events are sent at the same time. */
export const REPOSITORIES_AT_ONCE = 8;
const SEGMENTS_AT_ONCE = 64;
const LONGEST_WAIT_MS = 60_000;

export function startCourier(dependencies: CourierDependencies): Courier {
  const { endpoint, postman, queues, log, pause, onAttempt } = dependencies;
  const { name } = endpoint;
  const stopping = new AbortController();
  const cutting = new AbortController();
  let waking = Promise.withResolvers<void>();
  let failures = 0;
  stopping.signal.addEventListener('abort', () => waking.resolve(), { once: true });
  const ended = run();

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const queue = queues().find((one) => one.pending(name) > 0);
      if (queue === undefined) {
        await waking.promise;
        waking = Promise.withResolvers();
        continue;
      }
      try {
        await deliverSome(queue);
      } catch (error) {
        log.error({ err: error, endpoint: name }, 'events could not be read');
        await pause(waitAfter(1, endpoint.backoff), stopping.signal);
      }
    }
  }

  async function deliverSome(queue: Queue): Promise<void> {
    const segments = queue.next(name, SEGMENTS_AT_ONCE);
    const progress = createProgress(segments);
    const entries: { readonly event: RegistryEvent; readonly segment: Segment }[] = [];
    for (const segment of segments) {
      const events = (await queue.read(segment)).filter((event) => wants(endpoint, event));
      progress.expect(segment, events.length);
      entries.push(...events.map((event) => ({ event, segment })));
    }
    const pass = () => {
      const last = progress.last();
      if (last !== undefined) queue.pass(name, last);
    };
    pass();
    const isWanted = (segment: Segment) => () => queue.isPending(name, segment);
    const repositories = Map.groupBy(entries, ({ event }) => event.target.repository);
    await pMap(
      repositories.values(),
      async (inOrder) => {
        for (const { event, segment } of inOrder) {
          if (!(await deliver(event, isWanted(segment)))) return;
          progress.did(segment);
          pass();
        }
      },
      { concurrency: REPOSITORIES_AT_ONCE },
    );
  }

  /** Resolves to whether the event is done with: taken, or dropped meanwhile. Otherwise the courier stops. */
  async function deliver(event: RegistryEvent, isWanted: () => boolean): Promise<boolean> {
    for (let attempts = 1; isWanted(); attempts += 1) {
      if (stopping.signal.aborted) return false;
      if (await attempt(event)) return true;
      await pause(waitAfter(attempts, endpoint.backoff), stopping.signal);
    }
    return true;
  }

  async function attempt(event: RegistryEvent): Promise<boolean> {
    try {
      const status = await postman.post(event, cutting.signal);
      onAttempt?.({ endpoint: name, isTaken: true, status });
      if (failures >= endpoint.threshold) log.info({ endpoint: name }, 'events are taken again');
      failures = 0;
      return true;
    } catch (error) {
      if (cutting.signal.aborted) return false;
      const reason = error instanceof NotTakenError ? error.message : 'unexpected';
      onAttempt?.({
        endpoint: name,
        isTaken: false,
        ...(error instanceof NotTakenError && { status: error.status }),
      });
      failures += 1;
      if (failures === endpoint.threshold)
        log.warn({ endpoint: name, failures, reason }, 'events are not taken; they are kept and sent again');
      return false;
    }
  }

  return {
    wake: () => waking.resolve(),
    async stop(graceMs) {
      stopping.abort();
      const cut = setTimeout(() => cutting.abort(), graceMs);
      await ended;
      clearTimeout(cut);
    },
  };
}

/**
 * Milliseconds until the next attempt: twice as long after each failure, and never the same for everybody.
 * @param attempts that have failed in a row
 */
export function waitAfter(attempts: number, backoff: number): number {
  const longest = Math.min(LONGEST_WAIT_MS, backoff * 2 ** Math.min(attempts - 1, 20));
  return longest * (0.5 + Math.random() / 2);
}

/** Which of some segments are done with, from the first one on. */
function createProgress(segments: readonly Segment[]) {
  const left = new Map<string, number>();
  let index = 0;
  return {
    expect: (segment: Segment, events: number) => void left.set(segment.name, events),
    did: (segment: Segment) => void left.set(segment.name, (left.get(segment.name) ?? 0) - 1),
    /** The last segment of those that are done with one after the other. */
    last(): Segment | undefined {
      for (let next = segments[index]; next !== undefined; next = segments[index]) {
        if ((left.get(next.name) ?? 0) > 0) break;
        index += 1;
      }
      return segments[index - 1];
    },
  };
}
