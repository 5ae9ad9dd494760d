// Daemons that a test starts for itself: up when they answer, gone with everything they mounted when the test ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCommand } from './command.ts';
import { stopProcess } from './service.ts';

/** What node:test hands to a test or a suite, as far as cleaning up goes. */
export interface Cleaner {
  after(fn: () => Promise<void>): void;
}

/**
 * Cleans up in the reverse order of starting, which node:test does not: a daemon stops before its directory goes.
 */
export function inReverse(cleaner: Cleaner): Cleaner {
  const cleaning: (() => Promise<void>)[] = [];
  cleaner.after(async () => {
    for (const clean of cleaning.reverse()) await clean();
  });
  return { after: (fn) => void cleaning.push(fn) };
}

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 30_000;

/**
 * A fresh directory for one daemon or tool. At the end of the test whatever is still mounted below it is unmounted
 * before it is removed.
 */
export async function privateDirectory(name: string, cleaner: Cleaner): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `berth-${name}-`));
  cleaner.after(() => removeWithMounts(directory));
  return directory;
}

/** Unmounts everything below the directory, the deepest mounts first, and removes it. */
export async function removeWithMounts(directory: string): Promise<void> {
  for (const mount of await mountsBelow(directory)) await runCommand(['umount', '--lazy', mount]);
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}

/**
 * Starts a daemon and waits until `answers` resolves. It is stopped at the end of the test, if it is still there.
 * Throws with everything that it printed if it ends or does not answer.
 */
export async function startDaemon(
  command: readonly string[],
  environment: NodeJS.ProcessEnv,
  answers: () => Promise<unknown>,
  cleaner: Cleaner,
): Promise<ChildProcess> {
  const [program, ...parameters] = command;
  if (program === undefined) throw new TypeError('a command has at least one word');
  const child = spawn(program, parameters, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  cleaner.after(() => stopForSure(child));
  let printed = '';
  const collect = (chunk: Buffer) => {
    printed = (printed + chunk.toString()).slice(-100_000);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  await once(child, 'spawn');
  const limit = Date.now() + START_LIMIT_MS;
  while (child.exitCode === null && child.signalCode === null && Date.now() < limit) {
    try {
      await answers();
      return child;
    } catch {
      await sleep(50);
    }
  }
  throw new Error(`${command.join(' ')} does not answer:\n${printed}`);
}

/**
 * Ends every process that was started with this directory as its TMPDIR, and waits until they are gone: whatever a test
 * that was interrupted left behind, also when its own process is gone.
 */
export async function endProcessesOf(directory: string): Promise<void> {
  const limit = Date.now() + STOP_LIMIT_MS;
  // Only once: dockerd takes a third SIGTERM for the order to leave everything as it is.
  const asked = new Set<number>();
  for (;;) {
    const left = await processesOf(directory);
    if (left.length === 0) return;
    for (const pid of left) {
      if (Date.now() > limit) signalIfThere(pid, 'SIGKILL');
      else if (!asked.has(pid)) signalIfThere(pid, 'SIGTERM');
      asked.add(pid);
    }
    await sleep(50);
  }
}

/** The processes that a process has started and that are there, such as the workers of a server (proc_pid_task_children(5)). */
export async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text
    .split(' ')
    .filter((child) => child !== '')
    .map(Number);
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Linux only: elsewhere there is no /proc, and nothing is found. A process that has ended has no environment. */
async function processesOf(directory: string): Promise<number[]> {
  const names = await readdir('/proc').catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const environments = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')),
  );
  return pids
    .map(Number)
    .filter((_, index) => environments[index]?.split('\0').includes(`TMPDIR=${directory}`));
}

async function stopForSure(child: ChildProcess): Promise<void> {
  const forced = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  try {
    await stopProcess(child, 'SIGTERM');
  } finally {
    clearTimeout(forced);
  }
}

/** Mount points below the directory, in the order in which they can be unmounted. See proc_pid_mountinfo(5). */
async function mountsBelow(directory: string): Promise<string[]> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return mounts
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((mount) => mount.startsWith(`${directory}/`))
    .reverse();
}
