// How the primary starts a worker: this program again, with a channel between the two and what it prints on pipes.
import type { ChildProcess } from 'node:child_process';
import cluster from 'node:cluster';
import { join } from 'node:path';
import { createWholeLines } from '../workers/whole-lines.ts';

/** Each call starts a process. */
export function createFork(): () => ChildProcess {
  // Each takes its connections from the one socket by itself. Handed out by the primary in turn, they are spread more evenly;
  // but one that was handed to a process that dies is held open by the primary, and its client waits for ever.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({
    exec: join(import.meta.dirname, 'main.js'),
    args: ['worker'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const environment = {
    // The channel would not outlive that (main.js).
    BERTH_STARTED_AGAIN: '1',
    ...(process.stdout.isTTY && { FORCE_COLOR: '1' }),
  };
  return () => {
    const { process: child } = cluster.fork(environment);
    child.stdout?.on(
      'data',
      createWholeLines((lines) => process.stdout.write(lines)),
    );
    // What it says when it dies. On a pipe as well: of a primary that is gone nobody hears that it is.
    child.stderr?.on('data', (text: Uint8Array) => process.stderr.write(text));
    return child;
  };
}
