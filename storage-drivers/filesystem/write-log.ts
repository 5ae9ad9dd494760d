// The log of small writes: what it says is durable, with one sync for all that come at the same moment (group commit). So the files
// themselves, and the directories they are in, need not be brought to the disk one by one before anybody is answered, but all
// together a little later.
//
//   .berth/log/<uuid>        a number, and records in the order in which they were made (log-records.ts)
//
// A write is a record first, then a file that nobody waits to be synced. When the file is on the disk, and with it all others that
// the same log speaks of, the log is emptied, and its file used again. If the machine goes down before, the next start makes the files
// from the log (log-recovery.ts), before anybody reads them.
//
// What a log says is made anew whatever has become of the files. So nothing may be changed past it of what it speaks of: such a
// change is a record too, or waits until the log is gone. And nobody else may change such files: a log is for the one process that
// works on them.
import { randomInt } from 'node:crypto';
import { dirname } from 'node:path';
import { createLogFiles, type LogFile, type LogFilesDependencies } from './log-files.ts';

export interface FileContent {
  readonly path: string;
  readonly content: Uint8Array;
}

export interface WriteLog {
  /**
   * Whether a write of so many bytes goes over the log: few bytes of a file that it is for, if they have to be durable, or it speaks of
   * the file already.
   */
  takes(path: string, length: number, durable: boolean): boolean;
  /**
   * Resolves when it is durable that the files have these contents, and `apply` has made them so, to what that came to. What of it a
   * power cut leaves begins with the first of them. Throws system errors, and what `apply` throws.
   */
  put<T>(files: readonly FileContent[], apply: () => Promise<T>): Promise<T>;
  /** To be called around what takes away the file, or all that is below the path. Throws what `apply` throws. */
  remove(path: string, apply: () => Promise<void>): Promise<void>;
  /** To be called before a file is changed in any other way: a log that would undo that is gone then. Throws system errors. */
  release(path: string): Promise<void>;
  /** Resolves when all that was put is on the disk in its own place, and no file of the log is left. Throws system errors. */
  close(): Promise<void>;
}

export interface WriteLogDependencies extends LogFilesDependencies {
  /** The key of a path. */
  readonly keyOf: (path: string) => string;
  /** The path above the files that it is for. */
  readonly scope: string;
  /** Makes durable what was done at these paths, all of them below the root. */
  readonly sync: (paths: readonly string[]) => Promise<void>;
  /**
   * A log that has become so old, in milliseconds, is done with.
   * @default 1000
   */
  readonly oldMs?: number | undefined;
}

/** Contents that are longer, in bytes, are written once and not twice. */
const LONGEST = 64 * 1024;
/** A log that has become so long, in bytes, is done with. */
const LONG = 16 * 1024 * 1024;
const OLD_MS = 1_000;
/** About what a record takes beside its content, with the path that is remembered, in bytes. */
const REMEMBERED = 640;
/** When logs are together so long, in bytes, because the disk has much to do, writes go past them. */
const TOO_LONG = 4 * LONG;

interface Log {
  /** Bytes of all records that were made for it, with what is remembered of them. */
  length: number;
  readonly file: LogFile;
  /** The files that it speaks of, and the paths of which it says that nothing is left there. */
  readonly puts: Set<string>;
  readonly gone: Set<string>;
  /** What has not come to its place yet. */
  readonly running: Set<Promise<unknown>>;
}

export function createWriteLog(dependencies: WriteLogDependencies): WriteLog {
  const { keyOf, directory, disk, scope, sync, syncDirectory, oldMs = OLD_MS } = dependencies;
  const files = createLogFiles({ directory, disk, syncDirectory });
  /** The oldest first. All but the current one are about to be done with. */
  let logs: readonly Log[] = [];
  let current: Log | undefined;
  let logsMade = 0;
  let settling: Promise<void> = Promise.resolve();

  return {
    takes(path, length, durable) {
      if (length > LONGEST || !path.startsWith(`${scope}/`)) return false;
      return (durable && lengthOf(logs) < TOO_LONG) || logs.some((log) => knows(log, path));
    },

    async put(files, apply) {
      const log = currentLog();
      for (const { path } of files) log.puts.add(path);
      try {
        return await within(log, async () => {
          await add(log, files);
          return apply();
        });
      } catch (error) {
        await forgetFailure();
        throw error;
      }
    },

    async remove(path, apply) {
      if (!logs.some((log) => knowsBelow(log, path))) return apply();
      const log = currentLog();
      log.gone.add(path);
      let isWritten = false;
      try {
        await within(log, async () => {
          await add(log, [{ path }]);
          isWritten = true;
          await apply();
        });
      } catch (error) {
        await forgetFailure();
        // Things are removed when the disk is full. If the log is gone it need not know.
        if (isWritten || logs.some((left) => knowsBelow(left, path))) throw error;
        await apply();
      }
    },

    async release(path) {
      if (logs.some((log) => knows(log, path))) await settle();
    },

    close,
  };

  function currentLog(): Log {
    if (current !== undefined && current.length < LONG && !current.file.isBroken()) return current;
    logsMade += 1;
    current = {
      length: 0,
      file: files.begin({ number: logsMade, salt: randomInt(2 ** 32) }),
      puts: new Set(),
      gone: new Set(),
      running: new Set(),
    };
    logs = [...logs, current];
    settleLater();
    return current;
  }

  /** The log stays until the work has ended. */
  async function within<T>(log: Log, work: () => Promise<T>): Promise<T> {
    const running = work();
    log.running.add(running);
    try {
      return await running;
    } finally {
      log.running.delete(running);
    }
  }

  /** Resolves when the records are durable. */
  function add(
    log: Log,
    changes: readonly (Partial<FileContent> & Pick<FileContent, 'path'>)[],
  ): Promise<void> {
    const time = Date.now();
    for (const { content } of changes) log.length += (content?.length ?? 0) + REMEMBERED;
    return log.file.add(
      changes.map(({ path, content }) => ({ key: keyOf(path), time, ...(content && { content }) })),
    );
  }

  /** What was not answered is not to be made so by the next start. If that cannot be helped, it may. */
  async function forgetFailure(): Promise<void> {
    await settle().catch(() => undefined);
  }

  function settleLater(): void {
    setTimeout(() => void settle().catch(settleLater), oldMs).unref();
  }

  function settle(): Promise<void> {
    settling = settling.catch(() => undefined).then(settleAll);
    return settling;
  }

  async function settleAll(): Promise<void> {
    const old = logs;
    if (old.length === 0) return;
    current = undefined;
    for (const { running } of old) await Promise.allSettled(running);
    await sync(old.flatMap(({ puts, gone }) => [...puts, ...gone]));
    // A log that came back after a power cut would undo what was changed since.
    for (const { file } of old) await file.empty();
    logs = logs.slice(old.length);
  }

  async function close(): Promise<void> {
    await settle();
    await files.close();
  }
}

function lengthOf(logs: readonly Log[]): number {
  return logs.reduce((total, { length }) => total + length, 0);
}

/** Whether a recovery would make the file what the log says. */
function knows({ puts, gone }: Log, path: string): boolean {
  if (puts.has(path)) return true;
  if (gone.size === 0) return false;
  for (let above = path; above !== dirname(above); above = dirname(above)) {
    if (gone.has(above)) return true;
  }
  return false;
}

/** Whether a recovery would make the file, or one below the path. */
function knowsBelow({ puts }: Log, path: string): boolean {
  if (puts.has(path)) return true;
  for (const put of puts) if (put.startsWith(`${path}/`)) return true;
  return false;
}
