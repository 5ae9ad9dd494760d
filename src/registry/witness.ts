// Sees what an answer rests on. While some work runs, every look that it takes into the store is noted; as long as none of
// that has changed, for whatever reason and through whatever process, the work would come to the same result again.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { StillThere, StorageDriver } from '../../storage-drivers/driver.ts';

/** Tells at once whether what was seen is still so. */
export type Evidence = StillThere;

export interface Witness {
  /**
   * Runs the work, and gives beside its result what tells later, at once, whether it still holds. `undefined` where that cannot be told,
   * or not cheaply: something has just changed, or there were too many looks. Throws what the work throws.
   */
  during<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly evidence?: Evidence }>;
}

export interface WitnessedStore {
  /** The same driver. What is read through it is noted. */
  readonly driver: StorageDriver;
  /** Absent: the store cannot tell whether anything has changed. */
  readonly witness?: Witness;
}

/** Looks that a result may rest on. A tag, its manifest and the bytes of that are three; each costs two microseconds. */
const MOST_LOOKS = 8;

/** What was looked at by its key; `undefined` where the store could not vouch for it. */
type Testimony = Map<string, StillThere | undefined>;

export function createWitness(driver: StorageDriver): WitnessedStore {
  const sight = driver.sight?.bind(driver);
  if (sight === undefined) return { driver };
  const running = new AsyncLocalStorage<Testimony>();

  /** Before anything is read: what changes while it is read does not hold afterwards. */
  function note(key: string): void {
    const testimony = running.getStore();
    if (testimony === undefined || testimony.has(key)) return;
    testimony.set(key, testimony.size < MOST_LOOKS ? sight?.(key) : undefined);
  }

  return {
    driver: {
      ...driver,
      read(key) {
        note(key);
        return driver.read(key);
      },
      stat(key) {
        note(key);
        return driver.stat(key);
      },
      openRead(key, range) {
        note(key);
        return driver.openRead(key, range);
      },
      list(prefix, options) {
        note(prefix);
        return driver.list(prefix, options);
      },
    },

    witness: {
      async during(work) {
        const testimony: Testimony = new Map();
        const result = await running.run(testimony, work);
        const evidence = allOf([...testimony.values()]);
        return { result, ...(evidence?.() && { evidence }) };
      },
    },
  };
}

function allOf(looks: readonly (StillThere | undefined)[]): Evidence | undefined {
  const seen = looks.filter((look) => look !== undefined);
  if (seen.length < looks.length) return undefined;
  return () => {
    for (const holds of seen) if (!holds()) return false;
    return true;
  };
}
