// Where a process runs, and whether one that ran near this one is gone.
import { readFileSync } from 'node:fs';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { z } from 'zod';

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

/** Where the number of threads is, behind the state. */
const THREADS = 16;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return !isZombie(pid);
}

/**
 * It has ended, and whoever is to take notice has not yet (proc_pid_stat(5)). Its first thread may have ended before others, which
 * are still at work on the store.
 */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state = '', ...others] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return /^[ZX]$/.test(state) && Number(others[THREADS]) <= 1;
  } catch {
    return false;
  }
}
