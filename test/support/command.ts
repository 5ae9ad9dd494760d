// Runs one program to its end, as a shell would, and keeps what it printed.
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

export interface CommandOptions {
  readonly directory?: string;
  /** Added to the environment of the test process; `undefined` takes a variable away. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Milliseconds after which a hanging program is killed. */
  readonly limit?: number;
  /** What the program reads from its standard input; nothing if absent. */
  readonly input?: string;
}

export interface CommandResult {
  /** The exit code; null if the program was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';

  constructor(command: readonly string[], result: CommandResult) {
    super(`${command.join(' ')} ended with ${result.code}:\n${result.stdout}${result.stderr}`);
  }
}

const HANGING_MS = 300_000;

/** Runs a program that has to succeed. Throws CommandFailed, with everything that was printed, if it does not. */
export async function runCommand(
  command: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const result = await tryCommand(command, options);
  if (result.code !== 0) throw new CommandFailed(command, result);
  return result;
}

/** Runs a program that may fail; whoever calls looks at the code. Rejects only if the program cannot be started. */
export async function tryCommand(
  command: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const [program, ...parameters] = command;
  if (program === undefined) throw new TypeError('a command has at least one word');
  const child = spawn(program, parameters, {
    cwd: options.directory,
    env: { ...process.env, ...options.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.limit ?? HANGING_MS,
    killSignal: 'SIGKILL',
  });
  // A program that does not read its input closes it.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}
