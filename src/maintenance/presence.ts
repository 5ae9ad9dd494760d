// Servers that share a store without sharing Redis would overwrite each other's uploads and locks. So a server that works alone
// leaves a sign of life in the store, and does not go to work where another server renews its own.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { orAbsent } from '../registry/content.ts';
import { SERVERS, serverSign } from '../registry/layout.ts';
import { isEnding, isOfDeadNeighbour, readWhereabouts, whereaboutsSchema } from './whereabouts.ts';

export interface Presence {
  /** Writes the sign anew. To be called when there is another worker, before that writes anything. */
  renew(): Promise<void>;
  /** Takes the sign away. */
  end(): Promise<void>;
}

export interface PresenceSettings {
  /** How often the sign is renewed, in milliseconds; one that has not changed for three times as long is nobody's any more. */
  readonly intervalMs: number;
  /** Process numbers of the workers there are now. */
  readonly workers?: () => readonly number[];
}

/** Another server is at work on the store. */
export class StoreInUseError extends Error {
  override readonly name = 'StoreInUseError';
}

/** Between two looks whether the workers of a server that was killed are gone. */
const ENDING_LOOK_MS = 20;

const signSchema = whereaboutsSchema.extend({ state: z.enum(['starting', 'working']) });
type Sign = z.infer<typeof signSchema>;

interface SeenSign {
  readonly version: string;
  /** `undefined` if it cannot be read. */
  readonly sign: Sign | undefined;
}

/**
 * Leaves a sign of life, and renews it until `end`. If another server's sign is there, waits for it to grow old: after a crash
 * nobody takes it away. Throws StoreInUseError if it is renewed instead, and what the store throws; no sign is left then.
 */
export async function announcePresence(
  driver: StorageDriver,
  log: Logger,
  { intervalMs, workers }: PresenceSettings,
): Promise<Presence> {
  const id = randomUUID();
  const here = await readWhereabouts();
  let state: Sign['state'] = 'starting';
  let renewal: Promise<void> = Promise.resolve();
  const renew = async () => {
    const sign = Buffer.from(JSON.stringify({ ...here, ...numbersOf(workers), state } satisfies Sign));
    // A sign that a power cut left empty tells nobody that its server is gone: the next one would wait for it to grow old.
    await driver.write(serverSign(id), sign, { durable: state === 'working' });
  };
  const timer = setInterval(() => {
    renewal = renew().catch((error: unknown) => log.warn({ err: error }, 'the sign of life was not renewed'));
  }, intervalMs);
  timer.unref();
  const end = async () => {
    clearInterval(timer);
    // A renewal that is still under way would bring it back.
    await renewal;
    await driver.delete(serverSign(id), { durable: false }).catch(() => undefined);
  };

  try {
    // Shown before looking: of two that start at once, at least one sees the other.
    await renew();
    await waitForOthers();
    state = 'working';
    await renew();
  } catch (error) {
    await end();
    throw error;
  }
  return { end, renew };

  /** Tells by whether a sign changes, not by its age: the clocks of server and store may differ. */
  async function waitForOthers(): Promise<void> {
    await waitForEndingWorkers(driver, intervalMs);
    const before = await signsOfOthers();
    if (before.size === 0) return;
    log.warn('another server may be at work on this store; looking whether it shows a sign of life');
    await sleep(intervalMs * 3);
    for (const [other, { version, sign }] of await signsOfOthers()) {
      if (before.get(other)?.version === version) await driver.delete(serverSign(other), { durable: false });
      // Of those that start at the same time one goes on.
      else if (sign?.state !== 'starting' || other < id)
        throw new StoreInUseError(
          'another server works on this store; several need `redis` in their configuration',
        );
    }
  }

  /** The signs of processes that may still be there. */
  async function signsOfOthers(): Promise<ReadonlyMap<string, SeenSign>> {
    const signs = new Map<string, SeenSign>();
    for (const { name } of await driver.list(SERVERS)) {
      if (name === id) continue;
      const content = await orAbsent(driver.read(serverSign(name)));
      const stat = await orAbsent(driver.stat(serverSign(name)));
      if (content === undefined || stat === undefined) continue;
      const sign = parseSign(content);
      if (sign !== undefined && isOfDeadNeighbour(sign, here)) {
        await driver.delete(serverSign(name), { durable: false });
      } else {
        signs.set(name, { version: stat.version, sign });
      }
    }
    return signs;
  }
}

/**
 * Waits until the workers of a server that was killed are gone, which takes them some milliseconds; those that hang are waited for
 * no longer than `mostMs` milliseconds. Throws what the store throws.
 */
export async function waitForEndingWorkers(driver: StorageDriver, mostMs: number): Promise<void> {
  const here = await readWhereabouts();
  for (const end = performance.now() + mostMs; performance.now() < end; await sleep(ENDING_LOOK_MS)) {
    const names = (await driver.list(SERVERS)).map(({ name }) => name);
    const contents = await Promise.all(names.map((name) => orAbsent(driver.read(serverSign(name)))));
    const signs = contents.map((content) => (content === undefined ? undefined : parseSign(content)));
    if (!signs.some((sign) => sign !== undefined && isEnding(sign, here))) return;
  }
}

function numbersOf(workers: PresenceSettings['workers']): Pick<Sign, 'workers'> {
  return workers === undefined ? {} : { workers: [...workers()] };
}

function parseSign(content: Uint8Array): Sign | undefined {
  try {
    return signSchema.safeParse(JSON.parse(Buffer.from(content).toString())).data;
  } catch {
    return undefined;
  }
}
