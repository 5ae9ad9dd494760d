// Where a process runs, and whether one that ran near this one is gone.
import { readFileSync } from 'node:fs';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { z } from 'zod';
import { hasEnded } from '../../storage-drivers/process-state.ts';

export const whereaboutsSchema = z.object({
  /** As others see the machine or the container; hosts that share a store may have been given the same one. */
  host: z.string(),
  /** Differs between machines, and after a restart of one; empty where it is not known (random(4)). */
  boot: z.string(),
  /** Within which process numbers mean the same processes; empty where it is not known (pid_namespaces(7)). */
  namespace: z.string(),
  pid: z.int(),
  /** Those of the processes that answer its requests, where these are others. */
  workers: z.array(z.int()).optional(),
});

export type Whereabouts = z.infer<typeof whereaboutsSchema>;

/** Those of this process. */
export async function readWhereabouts(): Promise<Whereabouts> {
  const [boot, namespace] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
    readlink('/proc/self/ns/pid').catch(() => ''),
  ]);
  return { host: hostname(), boot: boot.trim(), namespace, pid: process.pid };
}

/**
 * Whether the process is known to be gone. In another container only a process with the same number under the same name
 * is: this is that container, restarted. (So containers on one machine must not be given one host name.)
 */
export function isOfDeadNeighbour(there: Whereabouts, here: Whereabouts): boolean {
  if (there.host !== here.host || there.boot !== here.boot) return false;
  if (there.pid === here.pid) return true;
  return there.namespace === here.namespace && !isAlive(there.pid) && !there.workers?.some(isAlive);
}

/** Whether only workers are left of the process, which end as soon as they notice. */
export function isEnding(there: Whereabouts, here: Whereabouts): boolean {
  if (there.host !== here.host || there.boot !== here.boot || there.namespace !== here.namespace)
    return false;
  return there.pid !== here.pid && !isAlive(there.pid) && there.workers?.some(isAlive) === true;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return !isZombie(pid);
}

function isZombie(pid: number): boolean {
  try {
    return hasEnded(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
