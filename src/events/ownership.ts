// Which queue is whose. Whoever works on a queue renews a sign of life in it; a queue whose sign is gone, or has not changed for
// long, is taken over by another server of the store, so that events outlive the server that wrote them.
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { isKeyNotFound } from '../../storage-drivers/errors.ts';
import * as layout from '../registry/layout.ts';
import type { Locks } from '../registry/locks.ts';

export interface Ownership {
  /** Makes a queue this server's, and keeps it so by `renew`. */
  hold(queue: string): Promise<void>;
  /**
   * Renews the signs. After a silence so long that others may have taken queues over, those that somebody has are held no more.
   * Throws what the store and the locks throw; then nothing is sure that was not.
   */
  renew(): Promise<void>;
  /** Whether the queue is this server's, as far as it knows. */
  holds(queue: string): boolean;
  /** Whether nobody else can have taken this server's queues over by now. */
  isSure(): boolean;
  /** Takes over a queue that is nobody's any more; `undefined` if there is none, or if this server is not sure of its own. */
  adopt(): Promise<string | undefined>;
  /** Gives every queue back, for others to go on with at once. */
  releaseAll(): Promise<void>;
  /** The queue is no more, or somebody else's. */
  forget(queue: string): void;
}

export interface OwnershipDependencies {
  readonly driver: StorageDriver;
  readonly locks: Locks;
  /** The id of this server. */
  readonly server: string;
  /** No other server works on the store: whatever queue there is, is nobody's. */
  readonly isAlone: boolean;
  /** Milliseconds that have passed since whenever. */
  readonly clock?: () => number;
}

/** How often the sign of life is renewed. */
export const RENEWED_EVERY_MS = 5_000;
/** A server that could not renew its signs for as long does not write to its queues any more. */
const SURE_FOR_MS = 20_000;
/** A sign that has not changed for as long is nobody's. */
const DEAD_AFTER_MS = 40_000;

export function createOwnership(dependencies: OwnershipDependencies): Ownership {
  const { driver, locks, server, isAlone, clock = () => performance.now() } = dependencies;
  const held = new Set<string>();
  const seen = new Map<string, { readonly sign: string; readonly since: number }>();
  let beat = 0;
  let renewedAt = clock();

  async function readSign(queue: string): Promise<string> {
    try {
      return Buffer.from(await driver.read(layout.eventOwner(queue))).toString();
    } catch (error) {
      if (isKeyNotFound(error)) return '';
      throw error;
    }
  }

  /** Whether nobody has taken the queue over; it is signed anew then. */
  function regain(queue: string): Promise<boolean> {
    return locks.exclusive(lockOf(queue), async (lease) => {
      if (serverIn(await readSign(queue)) !== server) return false;
      await lease.confirm();
      await sign(queue);
      return true;
    });
  }

  async function sign(queue: string): Promise<void> {
    beat += 1;
    const content = Buffer.from(JSON.stringify({ server, beat }));
    await driver.write(layout.eventOwner(queue), content, { durable: false });
  }

  /** By whether the sign changes, not by its age: the clocks of the servers may differ. */
  async function isOrphan(queue: string): Promise<boolean> {
    const found = await readSign(queue);
    const before = seen.get(queue);
    if (before?.sign !== found) seen.set(queue, { sign: found, since: clock() });
    if (isAlone || found === '') return true;
    return before?.sign === found && clock() - before.since >= DEAD_AFTER_MS;
  }

  /** Of several that want it, only one finds the sign as it was. */
  function claim(queue: string): Promise<boolean> {
    return locks.exclusive(lockOf(queue), async (lease) => {
      if ((await readSign(queue)) !== seen.get(queue)?.sign) return false;
      await lease.confirm();
      await sign(queue);
      held.add(queue);
      return true;
    });
  }

  const isSure = () => isAlone || clock() - renewedAt < SURE_FOR_MS;

  return {
    async hold(queue) {
      const startedAt = clock();
      await sign(queue);
      if (held.size === 0) renewedAt = startedAt;
      held.add(queue);
    },

    async renew() {
      const startedAt = clock();
      const wasSure = isSure();
      for (const queue of held) {
        if (wasSure) await sign(queue);
        else if (!(await regain(queue))) held.delete(queue);
      }
      renewedAt = startedAt;
    },

    isSure,
    holds: (queue) => held.has(queue),

    async adopt() {
      if (!isSure()) return undefined;
      for (const { name, kind } of await driver.list(layout.EVENT_QUEUES)) {
        if (kind !== 'prefix' || held.has(name)) continue;
        if ((await isOrphan(name)) && (await claim(name))) return name;
      }
      return undefined;
    },

    async releaseAll() {
      const queues = [...held];
      held.clear();
      for (const queue of queues) await driver.delete(layout.eventOwner(queue), { durable: false });
    },

    forget: (queue) => void held.delete(queue),
  };
}

function lockOf(queue: string): string {
  return `events:${queue}`;
}

/** The server that a sign is of. */
function serverIn(sign: string): unknown {
  try {
    const found: unknown = JSON.parse(sign);
    return typeof found === 'object' && found !== null ? Reflect.get(found, 'server') : undefined;
  } catch {
    return undefined;
  }
}
