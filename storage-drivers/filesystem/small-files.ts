// Looks at files, and reads small ones whole: most of what a registry is asked is answered from files of a hundred bytes.
import type { ObjectStat } from '../driver.ts';
import type { DiskThread, FileFacts } from './disk-thread.ts';
import { missing, orMissing } from './errors.ts';

export interface SmallFiles {
  /** What is known of a file. Throws system errors, and MissingObject if there is no such file. */
  look(path: string): Promise<ObjectStat>;
  /** The same, from what the system said of it. */
  describe(facts: FileFacts): ObjectStat;
  /** All bytes of a file. Throws as `look`. */
  read(path: string): Promise<Uint8Array>;
}

const NS_PER_MS = 1_000_000n;

/** @param era a part of every version: files that are not known to have outlived a power cut as they were have another one after it */
export function createSmallFiles(disk: DiskThread, era: string): SmallFiles {
  return {
    async look(path) {
      const facts = await orMissing(disk.run('look', path));
      if (facts === undefined) throw missing();
      return statOf(facts);
    },

    describe: statOf,

    async read(path) {
      const content = await orMissing(disk.run('read', path));
      if (content === undefined) throw missing();
      return content;
    },
  };

  /** A replaced file is another inode, an appended one has another size, and both have another time. */
  function statOf({ ino, size, mtimeNs }: FileFacts): ObjectStat {
    const parts = [ino, size, mtimeNs].map((part) => part.toString(36));
    const version = era === '' ? parts.join('-') : [...parts, era].join('-');
    return { size, version, modifiedAt: new Date(Number(mtimeNs / NS_PER_MS)) };
  }
}
