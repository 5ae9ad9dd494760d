// A server that the system treats badly: under another command, or with system calls that fail or dawdle for a while.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { childrenOf } from '../support/processes.ts';
import { freePort, type Service, startService, stopProcess, workersWanted } from '../support/service.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');

/** A reason to skip tests that let the system calls of a server fail, or false. */
export const withoutStrace =
  spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0
    ? false
    : 'strace is not installed, or may not trace';

/**
 * Starts the server on the directory, with deletes enabled.
 * @param under a command that ends by running another one, such as `setpriv` with its options
 */
export async function startBerthUnder(under: readonly string[], directory: string): Promise<Service> {
  const port = await freePort();
  return startService([...under, process.execPath, MAIN, 'serve'], port, {
    ...workersWanted(),
    REGISTRY_HTTP_ADDR: `127.0.0.1:${port}`,
    REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: directory,
    REGISTRY_STORAGE_DELETE_ENABLED: 'true',
    // What strace lets fail are system calls.
    UV_USE_IO_URING: '0',
  });
}

export interface Fault {
  /** Ends the fault; the server goes on. */
  end(): Promise<void>;
}

/**
 * Lets system calls of a running server fail, as strace's option `--inject` describes it; on one path only if that is
 * given. Resolves when the fault is in force.
 */
export async function injectFault(pid: number, fault: string, path?: string): Promise<Fault> {
  const calls = fault.slice(0, fault.indexOf(':'));
  const where = path === undefined ? [] : ['-P', path];
  const words = [
    '-f',
    ...[pid, ...(await childrenOf(pid))].flatMap((one) => ['-p', String(one)]),
    '-o',
    '/dev/null',
    ...where,
    `--trace=${calls}`,
    `--inject=${fault}`,
  ];
  const strace = spawn('strace', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  strace.stderr.setEncoding('utf8');
  while (!said.includes('attached')) {
    const [text] = await Promise.race([once(strace.stderr, 'data'), once(strace, 'exit')]);
    assert.equal(strace.exitCode, null, said);
    said += String(text);
  }
  strace.stderr.resume();
  return { end: async () => void (await stopProcess(strace, 'SIGINT')) };
}
