// Resident memory: before anything was asked, and when all other rows are done.
import { setTimeout as sleep } from 'node:timers/promises';
import { readResidentBytes } from '../processes.ts';
import type { Target } from '../targets.ts';
import type { Metric, Readings } from './row.ts';

export const memoryRow = 'memory';

export const memoryMetrics: readonly Metric[] = [
  { name: 'memory.idle', title: 'resident memory, idle', unit: 'MiB', better: 'less' },
  { name: 'memory.loaded', title: 'resident memory, after all rows', unit: 'MiB', better: 'less' },
];

const SETTLE_MS = 1_000;

/** Lets the registries come to rest, then reads. */
export async function readMemory(
  when: 'idle' | 'loaded',
  targets: readonly Target[],
): Promise<ReadonlyMap<Target, Readings>> {
  await sleep(SETTLE_MS);
  const readings = new Map<Target, Readings>();
  for (const target of targets) {
    if (target.pid === undefined) continue;
    const bytes = await readResidentBytes(target.pid);
    // Nothing is left of a process that has ended.
    if (bytes > 0) readings.set(target, { [`memory.${when}`]: bytes / 1024 ** 2 });
  }
  return readings;
}
