// Tells at once whether a file or a directory is still what it was, so that what was read of it need not be read again.
//
// Every change of a file or of the names in a directory sets its time of change, which nobody can set back. But that clock ticks
// every few milliseconds only, and a second change within one tick could not be told from the first: so what changed just
// now is not vouched for. File systems that ask another machine answer late, or from what they remember: not for them.
import { type BigIntStats, statSync } from 'node:fs';
import type { StillThere } from '../driver.ts';
import { isLocal } from './local-types.ts';

/** Longer than the tick of any kernel, in milliseconds. */
const SETTLED_MS = 100;

const OPTIONS = { bigint: true, throwIfNoEntry: false } as const;

export interface Sighting {
  /** There was nothing. */
  readonly isNothing: boolean;
  readonly stillThere: StillThere;
}

export type Sight = (path: string) => Sighting | undefined;

/** For paths below the root; `undefined` where its file system cannot be relied on. Throws system errors. */
export async function createSight(root: string): Promise<Sight | undefined> {
  return (await isLocal(root)) ? sight : undefined;
}

function sight(path: string): Sighting | undefined {
  const seen = look(path);
  if (seen === undefined) return undefined;
  if (seen === 'nothing') return { isNothing: true, stillThere: () => look(path) === 'nothing' };
  const age = Date.now() - Number(seen.ctimeNs / 1_000_000n);
  if (age < SETTLED_MS) return undefined;
  return { isNothing: false, stillThere: () => isSame(seen, look(path)) };
}

function isSame(seen: BigIntStats, now: ReturnType<typeof look>): boolean {
  if (now === undefined || now === 'nothing') return false;
  return (
    now.ctimeNs === seen.ctimeNs && now.ino === seen.ino && now.size === seen.size && now.dev === seen.dev
  );
}

/** `undefined` where it cannot be told what is there. */
function look(path: string): BigIntStats | 'nothing' | undefined {
  try {
    return statSync(path, OPTIONS) ?? 'nothing';
  } catch {
    return undefined;
  }
}
