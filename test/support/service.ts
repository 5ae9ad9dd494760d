// Starts and stops the servers that tests and benchmarks talk to: ours, and Debian's docker-registry beside it.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';

export interface Service {
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly pid: number;
  /** Milliseconds from the start of the process to its first answer, as finely as somebody looked. */
  readonly answeredAfterMs: number;
  /** Everything that the process printed so far. */
  output(): string;
  /** Sends the signal and waits for the exit; resolves to the exit code, null after a signal that was not caught. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface RegistryOptions {
  /** The storage root directory. */
  readonly directory: string;
  /** Merged over the smallest configuration, section by section. */
  readonly configuration?: { readonly [section: string]: object };
  readonly environment?: NodeJS.ProcessEnv;
  /** The port to listen on; a free one if absent. */
  readonly port?: number;
  /**
   * Milliseconds between two looks whether it answers already.
   * @default 20
   */
  readonly lookEveryMs?: number;
}

const START_LIMIT_MS = 30_000;
const LOOK_EVERY_MS = 20;
const repositoryRoot = join(import.meta.dirname, '..', '..');

/**
 * What makes every server of ours that a test starts one of several processes: BERTH_TEST_WORKERS=2. Nothing without that, and
 * nothing where a test says itself how many there are.
 */
export function workersWanted(): NodeJS.ProcessEnv {
  const wanted = process.env['BERTH_TEST_WORKERS'];
  return wanted === undefined ? {} : { REGISTRY_HTTP_WORKERS: wanted };
}

export async function startBerth(given: RegistryOptions): Promise<Service> {
  const options = { ...given, environment: { ...workersWanted(), ...given.environment } };
  return startRegistry(options, (file) => [
    process.execPath,
    join(repositoryRoot, 'src/cli/main.js'),
    'serve',
    file,
  ]);
}

/** The reference registry of Debian's package `docker-registry` (2.8.2). */
export async function startDockerRegistry(options: RegistryOptions): Promise<Service> {
  return startRegistry(options, (file) => ['docker-registry', 'serve', file]);
}

/** Starts a process that answers HTTP on the port, and waits until it does. */
export async function startService(
  command: readonly string[],
  port: number,
  environment: NodeJS.ProcessEnv = {},
  lookEveryMs = LOOK_EVERY_MS,
): Promise<Service> {
  const [program, ...parameters] = command;
  if (program === undefined) throw new TypeError('a command has at least one word');
  const startedAt = performance.now();
  const child = spawn(program, parameters, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  const collect = (text: Buffer) => {
    printed = (printed + text.toString()).slice(-1_000_000);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  await once(child, 'spawn');
  const url = `http://127.0.0.1:${port}`;
  await untilItAnswers(url, child, lookEveryMs, () => printed);
  return {
    port,
    url,
    pid: child.pid ?? 0,
    answeredAfterMs: performance.now() - startedAt,
    output: () => printed,
    stop: (signal = 'SIGTERM') => stopProcess(child, signal),
  };
}

export async function stopProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
  return child.exitCode;
}

/**
 * A port that nobody listens on, and that the system gives to nobody by itself (it begins at 32768): another test's server, which
 * took it until ours has begun, would answer in its place.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/** A fresh directory that is removed when the test, or whoever offers `after`, ends. */
export async function temporaryDirectory(context?: {
  after(fn: () => Promise<void>): void;
}): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-test-'));
  // A server that is still stopping may leave a last file.
  context?.after(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

async function startRegistry(
  options: RegistryOptions,
  commandFor: (configurationFile: string) => readonly string[],
): Promise<Service> {
  const port = options.port ?? (await freePort());
  const given = options.configuration ?? {};
  const configuration = {
    version: 0.1,
    ...given,
    storage: { filesystem: { rootdirectory: options.directory }, ...given['storage'] },
    http: { addr: `127.0.0.1:${port}`, ...given['http'] },
  };
  const folder = await mkdtemp(join(tmpdir(), 'berth-config-'));
  const file = join(folder, 'config.yml');
  await writeFile(file, stringify(configuration));
  try {
    return await startService(commandFor(file), port, options.environment, options.lookEveryMs);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function untilItAnswers(
  url: string,
  child: ChildProcess,
  lookEveryMs: number,
  printed: () => string,
): Promise<void> {
  const limit = Date.now() + START_LIMIT_MS;
  while (Date.now() < limit) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`${child.spawnargs.join(' ')} ended at its start:\n${printed()}`);
    }
    try {
      await fetch(url, { signal: AbortSignal.timeout(2_000) });
      return;
    } catch {
      await sleep(lookEveryMs);
    }
  }
  child.kill('SIGKILL');
  throw new Error(`${child.spawnargs.join(' ')} does not answer on ${url}:\n${printed()}`);
}
