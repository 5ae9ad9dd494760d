// What a process and everything it started cost, read from /proc.
import { readdir, readFile } from 'node:fs/promises';

export interface Cost<Result> {
  readonly result: Result;
  /** User and system time of the whole tree; undefined if the process is not known. */
  readonly cpuSeconds: number | undefined;
}

interface Status {
  readonly pid: number;
  readonly parent: number;
  /** Of the process itself and of its children that have ended and were waited for. */
  readonly cpuTicks: number;
}

// USER_HZ, the unit of /proc/<pid>/stat: 100 on every architecture that Node runs on, whatever the kernel's own HZ.
const TICKS_PER_SECOND = 100;

/** Runs `work` and tells what the tree below `pid` spent meanwhile. */
export async function withCost<Result>(
  pid: number | undefined,
  work: () => Promise<Result>,
): Promise<Cost<Result>> {
  if (pid === undefined) return { result: await work(), cpuSeconds: undefined };
  const before = await readCpuSeconds(pid);
  const result = await work();
  return { result, cpuSeconds: (await readCpuSeconds(pid)) - before };
}

/** Seconds of processor time since the start of the process, with all of its descendants. */
export async function readCpuSeconds(pid: number): Promise<number> {
  const tree = await readTree(pid);
  return tree.reduce((sum, { cpuTicks }) => sum + cpuTicks, 0) / TICKS_PER_SECOND;
}

/** Resident bytes (`VmRSS`) of the process and its descendants; what they share is counted for each. */
export async function readResidentBytes(pid: number): Promise<number> {
  let bytes = 0;
  for (const process of await readTree(pid)) {
    const status = await readProc(process.pid, 'status');
    bytes += Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  }
  return bytes;
}

async function readTree(root: number): Promise<readonly Status[]> {
  const names = await readdir('/proc');
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const all = (await Promise.all(pids.map(readStatus))).filter((status) => status !== undefined);
  const tree = all.filter(({ pid }) => pid === root);
  for (const { pid } of tree) tree.push(...all.filter(({ parent }) => parent === pid));
  return tree;
}

async function readStatus(pid: number): Promise<Status | undefined> {
  const text = await readProc(pid, 'stat');
  // The second field is the name in parentheses and may hold anything, so the counting starts behind the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  if (fields.length < 15) return undefined;
  const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number);
  const cpuTicks = (utime ?? 0) + (stime ?? 0) + (cutime ?? 0) + (cstime ?? 0);
  return { pid, parent: Number(fields[1]), cpuTicks };
}

/** Empty if the process is gone. */
async function readProc(pid: number, file: string): Promise<string> {
  return readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
}
