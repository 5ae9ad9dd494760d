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
import { randomInt, randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { formatLogHeader, formatRecord, LOG_HEADER, type LogName } from './log-records.ts';
import { createRoomyFile, type RoomyFile } from './roomy-files.ts';

export interface WriteLog {
  /**
   * Whether a write of so many bytes goes over the log: few bytes of a file that it is for, if they have to be durable, or it speaks of
   * the file already.
   */
  takes(path: string, length: number, durable: boolean): boolean;
  /**
   * Resolves when it is durable that the file has this content, and `apply` has made it so. Throws system errors, and what `apply` throws.
   */
  put(path: string, content: Uint8Array, apply: () => Promise<void>): Promise<void>;
  /** To be called around what takes away the file, or all that is below the path. Throws what `apply` throws. */
  remove(path: string, apply: () => Promise<void>): Promise<void>;
  /** To be called before a file is changed in any other way: a log that would undo that is gone then. Throws system errors. */
  release(path: string): Promise<void>;
  /** Resolves when all that was put is on the disk in its own place, and no file of the log is left. Throws system errors. */
  close(): Promise<void>;
}

export interface WriteLogDependencies {
  /** The directory that keys are below. */
  readonly root: string;
  /** Where logs are kept. */
  readonly directory: string;
  /** The path above the files that it is for. */
  readonly scope: string;
  /** Makes durable what was done at these paths, all of them in the root. */
  readonly sync: (paths: readonly string[]) => Promise<void>;
  /** Makes the entries of the directory of logs durable. */
  readonly syncDirectory: () => Promise<void>;
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
/** About what a path that is remembered takes, in bytes. */
const REMEMBERED = 512;
/** When logs are together so long, in bytes, because the disk has much to do, writes go past them. */
const TOO_LONG = 4 * LONG;

/** A file that a log can be in. */
interface Place {
  readonly path: string;
  readonly file: RoomyFile;
}

interface Log {
  readonly name: LogName;
  /** Bytes of all records that were made for it, with what is remembered of them. */
  length: number;
  place: Place | undefined;
  /** A write failed: what is behind it would not be read. */
  failure: { readonly error: unknown } | undefined;
  /** The files that it speaks of, and the paths of which it says that nothing is left there. */
  readonly puts: Set<string>;
  readonly gone: Set<string>;
  /** What has not come to its place yet. */
  readonly running: Set<Promise<void>>;
}

interface Pending {
  readonly log: Log;
  readonly record: Uint8Array;
  readonly done: () => void;
  readonly fail: (error: unknown) => void;
}

export function createWriteLog(dependencies: WriteLogDependencies): WriteLog {
  const { root, directory, scope, sync, syncDirectory, oldMs = OLD_MS } = dependencies;
  /** The oldest first. All but the current one are about to be done with. */
  let logs: readonly Log[] = [];
  let current: Log | undefined;
  let logsMade = 0;
  /** Files without a log in them. */
  const free: Place[] = [];
  let waiting: Pending[] = [];
  let isWriting = false;
  let settling: Promise<void> = Promise.resolve();

  return {
    takes(path, length, durable) {
      if (length > LONGEST || !path.startsWith(`${scope}/`)) return false;
      return (durable && lengthOf(logs) < TOO_LONG) || logs.some((log) => knows(log, path));
    },

    async put(path, content, apply) {
      const log = currentLog();
      log.puts.add(path);
      try {
        await within(log, async () => {
          await add(log, path, content);
          await apply();
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
          await add(log, path);
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
    if (current !== undefined && current.length < LONG && current.failure === undefined) return current;
    logsMade += 1;
    current = {
      name: { number: logsMade, salt: randomInt(2 ** 32) },
      length: 0,
      place: undefined,
      failure: undefined,
      puts: new Set(),
      gone: new Set(),
      running: new Set(),
    };
    logs = [...logs, current];
    settleLater();
    return current;
  }

  /** The log stays until the work has ended. */
  async function within(log: Log, work: () => Promise<void>): Promise<void> {
    const running = work();
    log.running.add(running);
    try {
      await running;
    } finally {
      log.running.delete(running);
    }
  }

  /** Resolves when the record is durable. */
  function add(log: Log, path: string, content?: Uint8Array): Promise<void> {
    const key = relative(root, path);
    const record = formatRecord({ key, time: Date.now(), ...(content && { content }) }, log.name);
    log.length += record.length + REMEMBERED;
    return new Promise((done, fail) => {
      waiting.push({ log, record, done, fail });
      if (!isWriting) void writeWaiting();
    });
  }

  /** Records that come while others are on their way share the next write, and so do those of one turn of the event loop. */
  async function writeWaiting(): Promise<void> {
    isWriting = true;
    await setImmediate();
    while (waiting[0] !== undefined) {
      const { log } = waiting[0];
      const records = waiting.filter((pending) => pending.log === log);
      waiting = waiting.filter((pending) => pending.log !== log);
      try {
        await write(
          log,
          records.map(({ record }) => record),
        );
        for (const { done } of records) done();
      } catch (error) {
        log.failure = { error };
        for (const { fail } of records) fail(error);
      }
    }
    isWriting = false;
  }

  async function write(log: Log, records: readonly Uint8Array[]): Promise<void> {
    if (log.failure !== undefined) throw log.failure.error;
    const isFirst = log.place === undefined;
    log.place ??= freePlace() ?? (await makePlace());
    if (!log.place.file.isThere()) throw new Error('somebody removed the file of a log');
    await log.place.file.add(joined(isFirst ? [formatLogHeader(log.name), ...records] : records));
  }

  function freePlace(): Place | undefined {
    for (let place = free.pop(); place !== undefined; place = free.pop()) {
      if (place.file.isThere()) return place;
      place.file.close();
    }
    return undefined;
  }

  async function makePlace(): Promise<Place> {
    const path = join(directory, randomUUID());
    await mkdir(directory, { recursive: true });
    const file = await createRoomyFile(path);
    try {
      await syncDirectory();
      return { path, file };
    } catch (error) {
      await remove({ path, file });
      throw error;
    }
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
    for (const log of old) await empty(log);
    logs = logs.slice(old.length);
  }

  /** A log that came back after a power cut would undo what was changed since. */
  async function empty(log: Log): Promise<void> {
    const { place } = log;
    if (place === undefined) return;
    await place.file.restart(new Uint8Array(LOG_HEADER));
    log.place = undefined;
    free.push(place);
  }

  async function close(): Promise<void> {
    await settle();
    const places = free.splice(0);
    for (const place of places) await remove(place);
    if (places.length > 0) await syncDirectory();
  }
}

async function remove({ path, file }: Place): Promise<void> {
  file.close();
  await rm(path, { force: true });
}

function joined(records: readonly Uint8Array[]): Uint8Array {
  const [first, ...others] = records;
  return first !== undefined && others.length === 0 ? first : Buffer.concat(records);
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
