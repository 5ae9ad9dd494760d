// The files that logs are in (write-log.ts), and the way of records to them: all that come at the same moment with one sync.
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { DiskThread } from './disk-thread.ts';
import { formatLogHeader, formatRecord, LOG_HEADER, type LogName, type LogRecord } from './log-records.ts';
import { createRoomyFile, type RoomyFile } from './roomy-files.ts';
import { joined } from './small-contents.ts';

export interface LogFile {
  /** Resolves when the records are durable, the first ones first. Throws system errors; nothing more can be added then. */
  add(records: readonly LogRecord[]): Promise<void>;
  isBroken(): boolean;
  /** Makes it no log any more, durably, so that the file can be used again. Nobody adds to it now. Throws system errors. */
  empty(): Promise<void>;
}

export interface LogFiles {
  /** Nothing is written before the first record. */
  begin(name: LogName): LogFile;
  /** Removes the files that were emptied. Throws system errors. */
  close(): Promise<void>;
}

export interface LogFilesDependencies {
  /** Where the files are. */
  readonly directory: string;
  readonly disk: DiskThread;
  /** Makes the entries of that directory durable. */
  readonly syncDirectory: () => Promise<void>;
}

interface Place {
  readonly path: string;
  readonly file: RoomyFile;
}

interface Pending {
  readonly pieces: readonly Uint8Array[];
  readonly done: () => void;
  readonly fail: (error: unknown) => void;
}

export function createLogFiles({ directory, disk, syncDirectory }: LogFilesDependencies): LogFiles {
  const free: Place[] = [];

  return {
    begin,

    async close() {
      const places = free.splice(0);
      for (const place of places) await remove(place);
      if (places.length > 0) await syncDirectory();
    },
  };

  function begin(name: LogName): LogFile {
    let place: Place | undefined;
    let waiting: Pending[] = [];
    let isWriting = false;
    /** A write failed: what is behind it would not be read. */
    let failure: { readonly error: unknown } | undefined;

    return {
      add: (records) =>
        new Promise((done, fail) => {
          const pieces = records.flatMap((record) => formatRecord(record, name));
          waiting.push({ pieces, done, fail });
          if (!isWriting) void writeWaiting();
        }),

      isBroken: () => failure !== undefined,

      async empty() {
        if (place === undefined) return;
        await place.file.restart(new Uint8Array(LOG_HEADER));
        free.push(place);
        place = undefined;
      },
    };

    /** Records that come while others are on their way share the next write, and so do those of one turn of the event loop. */
    async function writeWaiting(): Promise<void> {
      isWriting = true;
      await setImmediate();
      while (waiting.length > 0) {
        const pending = waiting;
        waiting = [];
        try {
          await write(pending.flatMap(({ pieces }) => pieces));
          for (const { done } of pending) done();
        } catch (error) {
          failure = { error };
          for (const { fail } of pending) fail(error);
        }
      }
      isWriting = false;
    }

    async function write(pieces: readonly Uint8Array[]): Promise<void> {
      if (failure !== undefined) throw failure.error;
      const isFirst = place === undefined;
      place ??= freePlace() ?? (await makePlace());
      if (!place.file.isThere()) throw new Error('somebody removed the file of a log');
      await place.file.add(joined(isFirst ? [formatLogHeader(name), ...pieces] : pieces));
    }
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
    const file = await createRoomyFile(path, disk);
    try {
      await syncDirectory();
      return { path, file };
    } catch (error) {
      await remove({ path, file });
      throw error;
    }
  }
}

async function remove({ path, file }: Place): Promise<void> {
  file.close();
  await rm(path, { force: true });
}
