// Keeps what one measurement wrote from weighing on the next one.
import { execFile } from 'node:child_process';
import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Waits until nothing that was written or removed before is still on its way to the disk. */
export async function settleDisk(): Promise<void> {
  await promisify(execFile)('sync');
}

/** Removes pushed blobs from a storage directory, so that a run needs the space of one round only. */
export async function discardBlobs(directory: string | undefined, digests: readonly string[]): Promise<void> {
  if (directory === undefined) return;
  for (const digest of digests) {
    const [algorithm = '', encoded = ''] = digest.split(':');
    const folder = join('docker/registry/v2/blobs', algorithm, encoded.slice(0, 2), encoded);
    await rm(join(directory, folder), { recursive: true });
  }
}

export async function readFreeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
