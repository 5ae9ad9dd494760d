// Makes anew what the logs of an earlier process say (write-log.ts): its files may not have come to the disk.
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiskThread } from './disk-thread.ts';
import { errorCode, isAbsence } from './errors.ts';
import { type LogRecord, parseLog } from './log-records.ts';
import { discard, type Workspace } from './workspace.ts';
import type { WriteLogDependencies } from './write-log.ts';

export interface LogRecoveryDependencies
  extends Pick<WriteLogDependencies, 'root' | 'sync' | 'syncDirectory'> {
  readonly workspace: Workspace;
  readonly disk: DiskThread;
}

/** How the records leave a store, whatever it was before. */
interface Result {
  /** Nothing is left there but what is in `objects`. */
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
  const names = await readdir(workspace.log);
  const { gone, objects } = await readLogs(names.map((name) => join(workspace.log, name)));
  let changed = 0;
  for (const key of gone) if (await takeAway(join(root, key))) changed += 1;
  for (const [key, content] of objects) if (await make(join(root, key), content)) changed += 1;
  await sync([...gone, ...objects.keys()].map((key) => join(root, key)));
  for (const name of names) await rm(join(workspace.log, name));
  await syncDirectory();
  return changed;

  async function takeAway(path: string): Promise<boolean> {
    const trashed = workspace.trashedDirectory();
    try {
      if (await disk.run('remove', path, trashed)) await discard(trashed);
      return true;
    } catch (error) {
      if (isAbsence(error)) return false;
      throw error;
    }
  }

  async function make(path: string, content: Uint8Array): Promise<boolean> {
    const present = await disk.run('read', path).catch((error: unknown) => {
      if (isAbsence(error)) return undefined;
      throw error;
    });
    if (present !== undefined && Buffer.compare(present, content) === 0) return false;
    try {
      await disk.run('put', workspace.temporaryFile(), path, content);
      return true;
    } catch (error) {
      // Where something else is in the way the write had failed, and this record could not be taken back.
      if (errorCode(error) === 'EISDIR' || errorCode(error) === 'ENOTDIR') return false;
      throw error;
    }
  }
}

async function readLogs(paths: readonly string[]): Promise<Result> {
  const gone = new Set<string>();
  const objects = new Map<string, Uint8Array>();
  const contents = await Promise.all(paths.map((path) => readFile(path)));
  const logs = contents.map(parseLog).filter((log) => log !== undefined);
  for (const { records } of logs.sort((one, other) => one.number - other.number)) {
    for (const record of records) apply(record, gone, objects);
  }
  return { gone, objects };
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
