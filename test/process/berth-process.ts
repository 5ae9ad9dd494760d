// Berth as a shell runs it: with words, an environment and a directory of its own, and its two outputs apart.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleaner } from '../support/processes.ts';
import { workersWanted } from '../support/service.ts';

export const repositoryRoot = join(import.meta.dirname, '..', '..');
/** The command that runs Berth. */
export const berth: readonly string[] = [process.execPath, join(repositoryRoot, 'src', 'cli', 'main.js')];

export interface BerthProcess {
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  kill(signal: NodeJS.Signals): void;
  /** Resolves to the exit code when the process is gone and all that it wrote was read; null after a signal. */
  readonly exited: Promise<number | null>;
  /** Resolves when the text is in the output. Throws with all of it if the process ends before. */
  printed(text: string): Promise<void>;
}

export interface RunOptions {
  readonly directory?: string;
  readonly environment?: NodeJS.ProcessEnv;
}

const LOOK_MS = 10;

/** Runs a command, Berth or one that ends up running it; killed at the end of the test if it still runs then. */
export function run(cleaner: Cleaner, command: readonly string[], options: RunOptions = {}): BerthProcess {
  const [program = '', ...words] = command;
  const child = spawn(program, words, {
    cwd: options.directory ?? repositoryRoot,
    env: { ...withoutSettings(process.env), ...workersWanted(), ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, so that nothing of it outlives the test.
    detached: true,
  });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const exited = once(child, 'close').then(() => child.exitCode);
  cleaner.after(() => killAndWait(child, exited));
  return {
    pid: child.pid ?? 0,
    stdout,
    stderr,
    kill: (signal) => void child.kill(signal),
    exited,
    async printed(text) {
      while (!stdout().includes(text)) {
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(`ended without ${JSON.stringify(text)}:\n${stdout()}${stderr()}`);
        }
        await sleep(LOOK_MS);
      }
    },
  };
}

/** Runs a command to its end. */
export async function runToEnd(cleaner: Cleaner, command: readonly string[], options: RunOptions = {}) {
  const { exited, stdout, stderr } = run(cleaner, command, options);
  const code = await exited;
  return { code, stdout: stdout(), stderr: stderr() };
}

function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('REGISTRY_')));
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return () => text;
}

async function killAndWait({ pid }: ChildProcess, exited: Promise<unknown>): Promise<void> {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // All of the group is gone already.
  }
  await exited;
}
