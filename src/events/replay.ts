// Tells endpoints again of what is kept (`berth events replay`), beside whatever servers work on the store.
import { setTimeout as sleep } from 'node:timers/promises';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import * as layout from '../registry/layout.ts';
import { waitAfter } from './courier.ts';
import { type EventEndpoint, wants } from './endpoint.ts';
import type { RegistryEvent } from './event.ts';
import { createPostman, NotTakenError, type Postman } from './post.ts';
import { listSegments, readSegment } from './queue.ts';
import type { Segment } from './segment.ts';

export interface ReplayDependencies {
  readonly driver: StorageDriver;
  readonly now?: () => Date;
}

/** How often an event is sent before it is given up. */
const ATTEMPTS = 5;

/**
 * Sends what happened since then to the endpoint, oldest first, one after the other. Resolves to the number of events that it took.
 * Throws NotTakenError at the first one that it does not take, and what the store throws.
 */
export async function replayEvents(
  endpoint: EventEndpoint,
  since: Date,
  { driver, now = () => new Date() }: ReplayDependencies,
): Promise<number> {
  const postman = await createPostman(endpoint, { connections: 1, now });
  let told = 0;
  try {
    for await (const event of eventsSince(driver, since)) {
      if (!wants(endpoint, event)) continue;
      await insist(postman, event, endpoint, told);
      told += 1;
    }
    return told;
  } finally {
    await postman.close();
  }
}

/** Every event that is kept, of all servers, in the order of time as far as it is known. */
export async function* eventsSince(driver: StorageDriver, since: Date): AsyncGenerator<RegistryEvent> {
  const found: { readonly queue: string; readonly segment: Segment }[] = [];
  for (const { name: queue } of await driver.list(layout.EVENT_QUEUES)) {
    const segments = await listSegments(driver, queue);
    // Events are older than their segment, never younger.
    const recent = segments.filter(({ time }) => time >= since.getTime());
    found.push(...recent.map((segment) => ({ queue, segment })));
  }
  found.sort((left, right) => (left.segment.name < right.segment.name ? -1 : 1));
  for (const { queue, segment } of found) {
    for (const event of await readSegment(driver, queue, segment)) {
      if (Date.parse(event.timestamp) >= since.getTime()) yield event;
    }
  }
}

async function insist(
  postman: Postman,
  event: RegistryEvent,
  { name, backoff }: EventEndpoint,
  told: number,
): Promise<void> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      await postman.post(event, new AbortController().signal);
      return;
    } catch (error) {
      if (!(error instanceof NotTakenError)) throw error;
      if (attempts === ATTEMPTS)
        throw new NotTakenError(`${name} took ${told} events and not the next one: ${error.message}`);
      await sleep(waitAfter(attempts, backoff));
    }
  }
}
