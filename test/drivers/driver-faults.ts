// Runs a scenario of driver-process.ts where the system fails it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Durability } from '../../storage-drivers/filesystem/syncs.ts';
import type { Outcome } from './driver-process.ts';

const PROGRAM = join(import.meta.dirname, 'driver-process.ts');

export const isRoot = process.getuid?.() === 0;

/** A reason to skip tests that watch or change system calls, or false. */
export const withoutStrace =
  spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0
    ? false
    : 'strace is not installed, or may not trace';

/** A user without rights of its own, to whom a test run by root changes. */
export const NOBODY = 65_534;

/** A reason to skip tests of missing rights, or false: root has them all, so that another user has to run the driver. */
export const withoutNobody = canBeRunUnprivileged()
  ? false
  : 'the user nobody cannot reach node or this repository';

export interface Conditions {
  /** The command that runs the process, such as `strace` with its options. */
  readonly under?: readonly string[];
  /** The user that it runs as. */
  readonly uid?: number;
  /** @default 'strict' */
  readonly durability?: Durability;
  /**
   * Threads for files. With one, "the second fsync" of a process is the second one of a thread.
   * @default 1
   */
  readonly threads?: number;
}

/** What each step of the scenario came to. */
export function runScenario(root: string, scenario: string, conditions: Conditions): Outcome {
  const { under = [], uid, durability = 'strict', threads = 1 } = conditions;
  const [command = '', ...parameters] = [...under, process.execPath, PROGRAM, root, scenario, durability];
  const { status, stdout, stderr, error } = spawnSync(command, parameters, {
    encoding: 'utf8',
    env: { ...process.env, UV_THREADPOOL_SIZE: String(threads), UV_USE_IO_URING: '0' },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  assert.equal(status, 0, `${error ?? ''}${stderr}`);
  return JSON.parse(stdout) as Outcome;
}

function canBeRunUnprivileged(): boolean {
  if (!isRoot) return true;
  const { status } = spawnSync(process.execPath, ['--check', PROGRAM], { uid: NOBODY, gid: NOBODY });
  return status === 0;
}

/** strace that lets system calls fail: `fault` as its option --inject has it, on one path only if that is given. */
export function injecting(fault: string, path?: string): string[] {
  const where = path === undefined ? [] : ['-P', path];
  return ['strace', '-f', '-qq', '-o', '/dev/null', ...where, `--inject=${fault}`];
}
