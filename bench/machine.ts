// On what the figures were taken.
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Of the directory that holds the storage of the registries. */
  readonly fileSystem: string;
  readonly kernel: string;
  readonly node: string;
  /** Processes that ran or waited, on average over the minute before; above 0.5 somebody else was at work. */
  readonly loadBefore: number;
}

export async function describeMachine(directory: string): Promise<Machine> {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    fileSystem: await readFileSystem(directory),
    kernel: release(),
    node: process.version,
    loadBefore: loadavg()[0] ?? 0,
  };
}

/** Type and device of the mount that holds the directory. */
async function readFileSystem(directory: string): Promise<string> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).trimEnd().split('\n');
  let longest = '';
  let found = 'unknown';
  for (const line of mounts) {
    const [device = '', path = '', type = ''] = line.split(' ');
    const holds = path === '/' || directory === path || directory.startsWith(`${path}/`);
    if (!holds || path.length < longest.length) continue;
    longest = path;
    found = `${type} (${device})`;
  }
  return found;
}
