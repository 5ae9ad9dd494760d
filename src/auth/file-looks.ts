// Files that are looked at again now and then, because somebody may have changed them.
import type { BigIntStats } from 'node:fs';

/** Differs whenever the content of the file may differ. */
export function fileVersion({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

/**
 * A function to be called before each use: it looks if the last look is `everyMs` milliseconds ago. Who comes meanwhile waits for
 * the same look.
 */
export function createLooks(
  everyMs: number,
  now: () => Date,
  look: () => Promise<void>,
): () => Promise<void> | undefined {
  let lookedAt = now().getTime();
  let looking: Promise<void> | undefined;
  return () => {
    if (looking === undefined && Math.abs(now().getTime() - lookedAt) >= everyMs) {
      lookedAt = now().getTime();
      looking = look().finally(() => {
        looking = undefined;
      });
    }
    return looking;
  };
}
