// Reads what strace wrote about a process: which system calls on which paths, in the order in which they began.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export interface SystemCall {
  readonly name: string;
  /** The paths among its arguments; for a file descriptor, that of the file. */
  readonly paths: readonly string[];
  /** Seconds. */
  readonly start: number;
  readonly end: number;
}

const WATCHED = [
  'access',
  'faccessat',
  'faccessat2',
  'fsync',
  'fdatasync',
  'rename',
  'renameat',
  'renameat2',
  'mkdir',
  'mkdirat',
  'write',
  'pwrite64',
  'writev',
  'pwritev',
  'pwritev2',
  'ftruncate',
].join(',');
const LINE = /^(\d+\.\d+) (\w+)\((.*)\) += (-?\d+).* <(\d+\.\d+)>$/;

/** The command that runs another under strace; each thread writes a file of its own, so that no line is torn. */
export function tracing(files: string): string[] {
  return ['strace', '-ff', '-qq', '-y', '-s', '4096', '-ttt', '-T', '-e', `trace=${WATCHED}`, '-o', files];
}

/** The successful calls between the marks of each step (driver-process.ts). */
export function readSteps(files: string): Map<string, SystemCall[]> {
  const steps = new Map<string, SystemCall[]>();
  let current: SystemCall[] | undefined;
  for (const call of readCalls(files)) {
    const [, point, step = ''] = /^\/step\/(begin|end)\/(.*)$/.exec(call.paths[0] ?? '') ?? [];
    if (point === undefined) current?.push(call);
    else current = undefined;
    if (point !== 'begin') continue;
    current = [];
    steps.set(step, current);
  }
  return steps;
}

/** Every successful call and every mark, in the order in which they began. */
export function readCalls(files: string): SystemCall[] {
  const folder = dirname(files);
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${basename(files)}.`))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .flatMap(parseLine)
    .toSorted((left, right) => left.start - right.start);
}

function parseLine(line: string): SystemCall[] {
  const [, start, name, given, result, duration] = LINE.exec(line) ?? [];
  if (name === undefined || given === undefined) return [];
  const isMark = given.includes('/step/');
  if (Number(result) < 0 && !isMark) return [];
  const paths = [...given.matchAll(/^\d+<([^>]*)>|"([^"]*)"/g)].map(([, file, path]) => file ?? path ?? '');
  return [{ name, paths, start: Number(start), end: Number(start) + Number(duration) }];
}
