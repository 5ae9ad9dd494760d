// How fast the machine alone is: what no registry that hashes and syncs can beat.
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const STEP_BYTES = 1024 * 1024;

/**
 * Seconds that the slower of two takes with so many bytes: `dd conv=fsync`, which writes them to a file in the directory, and
 * `sha256sum`, which reads that out of the page cache. Whoever does both at the same time can be as fast. `bytes` is a whole number
 * of MiB.
 */
export async function measureLimit(directory: string, bytes: number): Promise<number> {
  const path = join(directory, 'berth-bench-limit');
  try {
    const count = `count=${bytes / STEP_BYTES}`;
    const written = await timed('dd', [
      'if=/dev/zero',
      `of=${path}`,
      `bs=${STEP_BYTES}`,
      count,
      'conv=fsync',
    ]);
    return Math.max(written, await timed('sha256sum', [path]));
  } finally {
    await rm(path, { force: true });
  }
}

async function timed(program: string, parameters: readonly string[]): Promise<number> {
  const start = performance.now();
  await run(program, parameters);
  return (performance.now() - start) / 1000;
}
