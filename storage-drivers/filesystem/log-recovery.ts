// Makes anew what the logs of an earlier process say (write-log.ts): its files may not have come to the disk.
//
// Where that process was only killed everything is in its place. Then another server, such as the `registry` image, may have worked on
// the store before this one: what it changed is left as it is.
import { randomInt, randomUUID } from 'node:crypto';
import { lstat, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { isValidKey } from '../keys.ts';
import { type DiskThread, withOwnMemory } from './disk-thread.ts';
import { errorCode, orAbsent } from './errors.ts';
import { isLocal } from './local-types.ts';
import { formatLogHeader, formatRecord, type LogRecord, parseLog } from './log-records.ts';
import { createRoomyFile } from './roomy-files.ts';
import type { Workspace } from './workspace.ts';
import type { WriteLogDependencies } from './write-log.ts';

export interface LogRecoveryDependencies extends Pick<WriteLogDependencies, 'sync' | 'syncDirectory'> {
  /** The directory that keys are below. */
  readonly root: string;
  readonly workspace: Workspace;
  readonly disk: DiskThread;
}

/**
 * How much later than the last record, in milliseconds, its process may still have made what it says. No other server is at work that
 * soon after it was killed.
 */
const LATE_MS = 30_000;

/** How the records leave a store, whatever it was before. */
interface Result {
  /** Nothing is left there but what is in `objects`. */
  readonly gone: ReadonlySet<string>;
  readonly objects: ReadonlyMap<string, Uint8Array>;
  /** When the last record was made, in milliseconds since the epoch. */
  readonly time: number;
  /** Of the last log. */
  readonly number: number;
}

/** What has to be done to the store, by the paths of files. */
interface Changes {
  readonly gone: ReadonlySet<string>;
  readonly objects: ReadonlyMap<string, Uint8Array>;
}

/**
 * Resolves to how many objects were not as a log says. The logs are gone then. If it is cut short it can be done again. Throws system
 * errors.
 */
export async function recoverLogs(
  dependencies: LogRecoveryDependencies,
  exclusively: (work: () => Promise<number>) => Promise<number> = (work) => work(),
): Promise<number> {
  const names = await readdir(dependencies.workspace.log);
  return names.length === 0 ? 0 : exclusively(() => recoverAll(dependencies));
}

async function recoverAll(dependencies: LogRecoveryDependencies): Promise<number> {
  const { root, workspace, disk, sync, syncDirectory } = dependencies;
  const result = await readLogs(await logsThere());
  const changes = await changesFor(result);
  let count = changes.gone.size;
  if (count + changes.objects.size > 0) await writeDown(changes, result.number + 1);
  for (const path of changes.gone) await takeAway(path);
  for (const [path, content] of changes.objects) if (await make(path, content)) count += 1;
  for (const key of result.gone) await tidy(join(root, key));
  await sync([...result.gone, ...result.objects.keys()].map((key) => join(root, key)));
  for (const path of await logsThere()) await rm(path);
  await syncDirectory();
  return count;

  async function logsThere(): Promise<string[]> {
    return (await readdir(workspace.log)).map((name) => join(workspace.log, name));
  }

  async function changesFor({ gone, objects, time }: Result): Promise<Changes> {
    // Elsewhere times are those of another clock.
    const latest = (await isLocal(root)) ? time + LATE_MS : Number.POSITIVE_INFINITY;
    const changes = { gone: new Set<string>(), objects: new Map<string, Uint8Array>() };
    for (const key of gone) {
      for (const path of (await treeAt(join(root, key))).files) {
        if (!objects.has(relative(root, path)) && !(await isOthers(path, latest))) changes.gone.add(path);
      }
    }
    for (const [key, content] of objects) {
      const path = join(root, key);
      if (!(await holds(path, content)) && !(await isOthers(path, latest)))
        changes.objects.set(path, content);
    }
    return changes;
  }

  /** Whether somebody changed the file since, or made or took away what it would be in. */
  async function isOthers(path: string, latest: number): Promise<boolean> {
    for (let current = path; current !== dirname(root); current = dirname(current)) {
      const stats = await orAbsent(lstat(current));
      if (stats !== undefined) return stats.mtimeMs > latest;
    }
    return false;
  }

  async function holds(path: string, content: Uint8Array): Promise<boolean> {
    const present = await orAbsent(disk.run('read', path));
    return present !== undefined && Buffer.compare(present, content) === 0;
  }

  /** Whoever has to begin anew must not take what was made here for what somebody else made. */
  async function writeDown({ gone, objects }: Changes, number: number): Promise<void> {
    const name = { number, salt: randomInt(2 ** 32) };
    const time = Number.POSITIVE_INFINITY;
    const format = (path: string, content?: Uint8Array) =>
      formatRecord({ key: relative(root, path), time, ...(content && { content }) }, name);
    const records = [
      // What has no key is nobody's.
      ...[...gone].filter((path) => isValidKey(relative(root, path))).map((path) => format(path)),
      ...[...objects].map(([path, content]) => format(path, content)),
    ];
    const earlier = await logsThere();
    const file = await createRoomyFile(join(workspace.log, randomUUID()), disk);
    try {
      await file.add(Buffer.concat([formatLogHeader(name), ...records.flat()]));
    } finally {
      file.close();
    }
    await syncDirectory();
    for (const path of earlier) await rm(path);
    await syncDirectory();
  }

  async function takeAway(path: string): Promise<void> {
    await orAbsent(disk.run('unlink', path));
    await disk.run('prune', dirname(path), root);
  }

  /** Directories that were to go, of which nothing is left but themselves. */
  async function tidy(path: string): Promise<void> {
    const { directories } = await treeAt(path);
    for (const directory of directories.reverse()) await disk.run('prune', directory, root);
  }

  async function make(path: string, content: Uint8Array): Promise<boolean> {
    try {
      await disk.run('put', [
        { path, temporary: workspace.temporaryFile(), content: withOwnMemory(content) },
      ]);
      return true;
    } catch (error) {
      // Where something else is in the way the write had failed, and its record could not be taken back.
      if (errorCode(error) === 'EISDIR' || errorCode(error) === 'ENOTDIR') return false;
      throw error;
    }
  }
}

/** The files at a path and below it, and the directories, each before those in it. */
async function treeAt(path: string): Promise<{ readonly files: string[]; readonly directories: string[] }> {
  const stats = await orAbsent(lstat(path));
  if (stats === undefined) return { files: [], directories: [] };
  if (!stats.isDirectory()) return { files: [path], directories: [] };
  const tree = { files: [] as string[], directories: [path] };
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) {
    const kind = entry.isDirectory() ? tree.directories : tree.files;
    kind.push(join(entry.parentPath, entry.name));
  }
  return tree;
}

async function readLogs(paths: readonly string[]): Promise<Result> {
  const gone = new Set<string>();
  const objects = new Map<string, Uint8Array>();
  let time = 0;
  const contents = await Promise.all(paths.map((path) => readFile(path)));
  const logs = contents.map(parseLog).filter((log) => log !== undefined);
  logs.sort((one, other) => one.number - other.number);
  for (const { records } of logs) {
    for (const record of records) {
      apply(record, gone, objects);
      time = Math.max(time, record.time);
    }
  }
  return { gone, objects, time, number: logs.at(-1)?.number ?? 0 };
}

function apply({ key, content }: LogRecord, gone: Set<string>, objects: Map<string, Uint8Array>): void {
  if (content !== undefined) {
    objects.set(key, content);
    return;
  }
  gone.add(key);
  for (const below of objects.keys()) {
    if (below === key || below.startsWith(`${key}/`)) objects.delete(below);
  }
}
