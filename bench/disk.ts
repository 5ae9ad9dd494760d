// Keeps what one measurement wrote from weighing on the next one.
import { execFile } from 'node:child_process';
import { open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const WARM_STEP_BYTES = 4 * 1024 * 1024;

/** Waits until nothing that was written or removed before is still on its way to the disk. */
export async function settleDisk(): Promise<void> {
  await promisify(execFile)('sync');
}

/**
 * Makes sure that the next `bytes` written to the directory meet memory and disk blocks which were in use a moment ago. A
 * virtual machine gets both from its host when it first touches them, which takes several times as long as the writing itself,
 * and would be charged to whichever registry comes first.
 */
export async function warmDisk(directory: string, bytes: number): Promise<void> {
  const path = join(directory, 'berth-bench-warm');
  const handle = await open(path, 'w');
  try {
    const zeros = Buffer.alloc(WARM_STEP_BYTES);
    for (let left = bytes; left > 0; left -= zeros.length) {
      await handle.writeFile(zeros.subarray(0, Math.min(left, zeros.length)));
    }
    await handle.sync();
  } finally {
    await handle.close();
    await rm(path);
  }
  await settleDisk();
}

export async function readFreeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
