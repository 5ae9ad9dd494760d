// Events of a server: kept in the store first, then told to every endpoint. A push never waits for an endpoint; whether it waits
// until its event is durable is a setting.
//
// `relaxed`: a request is answered without waiting, and its event is durable some milliseconds later. What a crash can lose is
// what was answered within these milliseconds. `strict`: nothing that changes a repository is answered with success before its
// event is durable. Pulls never wait.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import * as layout from '../registry/layout.ts';
import type { Locks } from '../registry/locks.ts';
import { type Attempt, type Courier, REPOSITORIES_AT_ONCE, startCourier } from './courier.ts';
import { type EventEndpoint, wants } from './endpoint.ts';
import type { RegistryEvent } from './event.ts';
import { createOwnership, RENEWED_EVERY_MS } from './ownership.ts';
import { createPostman, type Postman } from './post.ts';
import { beginQueue, openQueue, type Queue } from './queue.ts';
import { createRecorder } from './recorder.ts';

export interface Events {
  /**
   * Tells everybody of the event. Resolves when it may be answered for; with `strict`, throws what the store throws if it does
   * not take the event.
   */
  tell(event: RegistryEvent): Promise<void>;
  /** Events that an endpoint is still to be told of, by its name. */
  pending(): ReadonlyMap<string, number>;
  /** Keeps what there is to keep and ends. What nobody was told of yet is told by the next server. */
  close(): Promise<void>;
}

export interface EventsSettings {
  readonly endpoints: readonly EventEndpoint[];
  readonly durability: 'relaxed' | 'strict';
  /** Events that a server keeps at most, told ones included. */
  readonly most: number;
}

export interface EventsDependencies {
  readonly driver: StorageDriver;
  readonly locks: Locks;
  readonly log: Logger;
  /** The id of this server; a UUID. */
  readonly server: string;
  /** No other server works on the store. */
  readonly isAlone: boolean;
  readonly onAttempt?: ((attempt: Attempt) => void) | undefined;
  /** So many events more are to be told to the endpoint. */
  readonly onKeep?: ((endpoint: string, count: number) => void) | undefined;
  /** So many events were given up before the endpoint was told of them; without an endpoint: before they were kept. */
  readonly onDrop?: ((count: number, endpoint?: string) => void) | undefined;
  readonly now?: () => Date;
  /** Waits between attempts. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** How long events can be told again, in milliseconds. */
export const REPLAYABLE_MS = 24 * 3_600_000;
const SAVED_EVERY_MS = 1_000;
const PRUNED_EVERY_MS = 60_000;
const ADOPTED_EVERY_MS = 15_000;
/** What an attempt that is under way has when the server stops. */
const GRACE_MS = 1_000;
const NOT_SEEN_TO = 'the queues of events could not be seen to; it is tried again';

/** Takes over what dead servers left, and begins to tell. Throws what the store throws. */
export async function startEvents(
  { endpoints, durability, most }: EventsSettings,
  dependencies: EventsDependencies,
): Promise<Events> {
  const { driver, locks, log, server, isAlone, onKeep, onAttempt, onDrop } = dependencies;
  const { now = () => new Date(), pause = pauseFor } = dependencies;
  const ownership = createOwnership({ driver, locks, server, isAlone });
  const settings = { endpoints: endpoints.map(({ name }) => name), most, now };
  /** By endpoint, as far as the log does not know of it. */
  const dropped = new Map<string, number>();
  let adopted: Queue[] = [];
  let own = await begin();
  let renewing: Promise<void> | undefined;
  const couriers: Courier[] = [];
  const postmen: Postman[] = [];
  const recorder = createRecorder({
    append: keep,
    onTrouble(error, givenUp) {
      log.error({ err: error, givenUp }, 'events could not be kept in the store; it is tried again');
      if (givenUp > 0) onDrop?.(givenUp);
    },
  });

  const queues = () => [...adopted, own];

  async function begin(): Promise<Queue> {
    const id = randomUUID();
    await ownership.hold(id);
    return beginQueue(driver, id, settings);
  }

  async function keep(events: readonly RegistryEvent[]): Promise<void> {
    let queue: Queue;
    do {
      if (!ownership.isSure() || !ownership.holds(own.id)) await renew();
      queue = own;
      await queue.append(events);
      // It may have taken so long that another server looked at the queue before they were in it, and has it now.
      if (!ownership.isSure()) await renew();
    } while (!ownership.holds(queue.id));
    for (const endpoint of onKeep === undefined ? [] : endpoints) {
      onKeep?.(endpoint.name, events.filter((event) => wants(endpoint, event)).length);
    }
    for (const courier of couriers) courier.wake();
    const lost = await own.bound().catch(() => undefined);
    for (const [endpoint, count] of lost ?? []) {
      dropped.set(endpoint, (dropped.get(endpoint) ?? 0) + count);
      onDrop?.(count, endpoint);
    }
  }

  function sayDropped(): void {
    for (const [endpoint, count] of dropped)
      log.warn({ endpoint, count, most }, 'the oldest events were dropped before they were taken');
    dropped.clear();
  }

  function renew(): Promise<void> {
    renewing ??= renewNow().finally(() => {
      renewing = undefined;
    });
    return renewing;
  }

  /** What another server took over meanwhile, it goes on with. */
  async function renewNow(): Promise<void> {
    await ownership.renew();
    adopted = adopted.filter(({ id }) => ownership.holds(id));
    if (!ownership.holds(own.id)) own = await begin();
  }

  async function adoptAll(): Promise<void> {
    for (let id = await ownership.adopt(); id !== undefined; id = await ownership.adopt()) {
      const queue = await openAdopted(id);
      if (queue.isEmpty()) await remove(queue);
      else adopted = [...adopted, queue];
    }
    for (const courier of couriers) courier.wake();
  }

  /** One that cannot be read now is left to whoever can, as if its owner were silent. */
  async function openAdopted(id: string): Promise<Queue> {
    try {
      return await openQueue(driver, id, settings);
    } catch (error) {
      ownership.forget(id);
      throw error;
    }
  }

  async function remove({ id }: Queue): Promise<void> {
    ownership.forget(id);
    await driver.delete(layout.eventQueue(id), { durable: false });
  }

  async function prune(): Promise<void> {
    for (const queue of queues()) await queue.prune(now().getTime() - REPLAYABLE_MS);
    const empty = adopted.filter((queue) => queue.isEmpty());
    adopted = adopted.filter((queue) => !queue.isEmpty());
    for (const queue of empty) await remove(queue);
  }

  async function save(): Promise<void> {
    sayDropped();
    for (const queue of queues()) if (ownership.isSure()) await queue.save();
  }

  // With others on the store there is another time; alone, what was left comes before what happens from now on.
  if (isAlone) await adoptAll();
  else await adoptAll().catch((error: unknown) => log.warn({ err: error }, NOT_SEEN_TO));
  for (const endpoint of endpoints) {
    const postman = await createPostman(endpoint, { connections: REPOSITORIES_AT_ONCE, now });
    postmen.push(postman);
    couriers.push(startCourier({ endpoint, postman, queues, log, pause, onAttempt }));
  }
  const rounds = [
    startRound(SAVED_EVERY_MS, save, log),
    startRound(PRUNED_EVERY_MS, prune, log),
    ...(isAlone
      ? []
      : [startRound(RENEWED_EVERY_MS, renew, log), startRound(ADOPTED_EVERY_MS, adoptAll, log)]),
  ];

  return {
    async tell(event) {
      if (durability === 'strict' && event.action !== 'pull') await recorder.record(event);
      else recorder.take(event);
    },

    pending() {
      const sums = settings.endpoints.map((name): [string, number] => [
        name,
        queues().reduce((sum, queue) => sum + queue.pending(name), 0),
      ]);
      return new Map(sums);
    },

    async close() {
      for (const round of rounds) await round.stop();
      const lost = await recorder.end();
      if (lost > 0) log.error({ count: lost }, 'events are lost: the store did not take them');
      await Promise.all(couriers.map((courier) => courier.stop(GRACE_MS)));
      await Promise.all(postmen.map((postman) => postman.close()));
      if (!ownership.isSure()) return;
      await save();
      if (own.isEmpty()) await remove(own);
      await ownership.releaseAll();
    },
  };
}

/** Does the work again and again, never twice at a time. */
function startRound(everyMs: number, work: () => Promise<void>, log: Logger) {
  let working: Promise<void> | undefined;
  const timer = setInterval(() => {
    working ??= work()
      .catch((error: unknown) => log.warn({ err: error }, NOT_SEEN_TO))
      .finally(() => {
        working = undefined;
      });
  }, everyMs);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await working;
    },
  };
}

async function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
}
