// How safe is safe: whether anything waits for the disk, and what does.
import { fdatasync, fsync } from 'node:fs';
import { promisify } from 'node:util';

/**
 * `strict`: what was answered outlives a power cut. `relaxed`: only the end of the process, however it comes; what the system
 * has not brought to the disk by itself, the last seconds, a power cut takes or spoils.
 */
export type Durability = 'strict' | 'relaxed';

export interface Syncs {
  /** Whether there is anything to wait for. */
  readonly wanted: boolean;
  /** Whether there is, and a file can be opened so that each write waits for the disk by itself (O_DSYNC). */
  readonly byWrite: boolean;
  /** Brings the file or directory to the disk. Throws system errors. */
  all(file: number): Promise<void>;
  /** As far as its bytes can be found again: a name for it is brought to the disk with the directory. */
  data(file: number): Promise<void>;
}

export function createSyncs(durability: Durability): Syncs {
  if (durability === 'relaxed') return { wanted: false, byWrite: false, async all() {}, async data() {} };
  // macOS leaves such a write in the cache of the disk, and Windows has no such files.
  const byWrite = process.platform === 'linux';
  return { wanted: true, byWrite, all: promisify(fsync), data: promisify(fdatasync) };
}
