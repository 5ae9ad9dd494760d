// The journal of a process whose server works alone on a store which adds to its objects in place: small uploads are kept in one file
// for all of them, and not in some files and folders for each. States that come at the same moment are brought to the disk together
// (group commit).
//
// A record (journal-records.ts) says how far a session is, with all of its bytes, or that it has ended. The last record of a session
// counts. When the file is long, the sessions that are still open go on in a new one. What a process that was killed leaves is
// written down as uploads of their own (journal-recovery.ts).
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { newStagedWrite, type StagedWrite, type StorageDriver } from '../../storage-drivers/driver.ts';
import { isKeyNotFound } from '../../storage-drivers/errors.ts';
import { uploadJournal } from '../registry/layout.ts';
import type { SessionId, UploadSession } from '../registry/sessions.ts';
import { formatRecord } from './journal-records.ts';

export interface SessionJournal {
  /** The session, if its last state is kept here. */
  find(id: SessionId): UploadSession | undefined;
  /**
   * For a session whose write holds its bytes. Resolves when its state is durable. Throws what the store throws; the state before is
   * kept then.
   */
  keep(session: UploadSession): Promise<void>;
  /**
   * The session has ended. Resolves when no end of this process brings it back, as far as the store takes that down; a power cut may bring
   * it back, to be purged like any upload that nobody finishes.
   */
  end(id: SessionId): Promise<void>;
  /** The session is kept elsewhere. Resolves when that is durable. Throws what the store throws; it is kept here then. */
  leave(id: SessionId): Promise<void>;
  /** The sessions whose last state came at least so many milliseconds ago. */
  quietFor(ms: number): readonly UploadSession[];
  /** How many bytes the sessions hold together. */
  heldBytes(): number;
  /** Removes the file, and with it what is kept in it. */
  close(): Promise<void>;
}

type RecordPieces = readonly Uint8Array[];

const LONG = 8 * 1024 * 1024;
const NO_BYTES = new Uint8Array(0);

interface Entry {
  readonly session: UploadSession;
  /** By the clock of `performance.now`. */
  readonly since: number;
}

interface Pending {
  readonly record: RecordPieces;
  readonly isDurable: boolean;
  /** The record is written, and durable if it is to be. */
  readonly done: () => void;
  readonly fail: (error: unknown) => void;
}

export interface SessionJournalOptions {
  /** Names the process, where there are others with journals of their own. A UUID. */
  readonly owner?: string;
  /** A file that is longer, in bytes, is left behind. */
  readonly longest?: number;
}

export function createSessionJournal(
  driver: StorageDriver,
  { owner, longest = LONG }: SessionJournalOptions = {},
): SessionJournal {
  const open = new Map<SessionId, Entry>();
  let waiting: Pending[] = [];
  let writing: Promise<void> | undefined;
  let file: StagedWrite | undefined;
  let held = 0;
  /** A write failed: what is in the file that was not durable by then may be anything. */
  let isDoubtful = false;

  return {
    find: (id) => open.get(id)?.session,

    keep: (session) =>
      add(stateOf(session), true, () => {
        forget(session.id);
        open.set(session.id, { session, since: performance.now() });
        held += session.write.size;
      }),

    async end(id) {
      // What came of the upload is there, whatever becomes of this record; who has to keep something tells what is wrong.
      if (forget(id)) await add(formatRecord({ id }), false).catch(() => undefined);
    },

    async leave(id) {
      if (open.has(id)) await add(formatRecord({ id }), true, () => forget(id));
    },

    quietFor(ms) {
      const latest = performance.now() - ms;
      return [...open.values()].filter(({ since }) => since <= latest).map(({ session }) => session);
    },

    heldBytes: () => held,

    async close() {
      await writing;
      if (file !== undefined) await driver.abort(file);
    },
  };

  function forget(id: SessionId): boolean {
    held -= open.get(id)?.session.write.size ?? 0;
    return open.delete(id);
  }

  /** `onWritten` runs before any later record is written: who goes on in another file has to know of this one. */
  function add(record: RecordPieces, isDurable: boolean, onWritten?: () => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const done = () => {
      onWritten?.();
      resolve();
    };
    waiting.push({ record, isDurable, done, fail: reject });
    writing ??= writeAll();
    return promise;
  }

  /** Records that come while others are on their way share the next write. */
  async function writeAll(): Promise<void> {
    // So do those of the same turn of the event loop.
    await setImmediate();
    while (waiting.length > 0) {
      const pending = waiting;
      waiting = [];
      try {
        const durable = pending.some(({ isDurable }) => isDurable);
        await write(
          pending.flatMap(({ record }) => record),
          durable,
        );
        for (const { done } of pending) done();
      } catch (error) {
        for (const { fail } of pending) fail(error);
      }
    }
    writing = undefined;
  }

  async function write(pieces: RecordPieces, durable: boolean): Promise<void> {
    const present = file !== undefined && file.size < longest && !isDoubtful ? file : undefined;
    if (present === undefined || !(await addTo(present, pieces, durable))) await beginFile(pieces);
  }

  /** Resolves to whether the file is there. It is nobody's to remove, and still its loss must not cost more than it held. */
  async function addTo(present: StagedWrite, pieces: RecordPieces, durable: boolean): Promise<boolean> {
    try {
      file = await driver.append(present, Buffer.concat(pieces), { durable, grows: true });
      return true;
    } catch (error) {
      if (isKeyNotFound(error)) return false;
      isDoubtful = true;
      throw error;
    }
  }

  function newFile(): string {
    const id = randomUUID();
    return uploadJournal(owner === undefined ? id : `${owner}.${id}`);
  }

  async function beginFile(pieces: RecordPieces): Promise<void> {
    const states = [...open.values()].flatMap(({ session }) => stateOf(session));
    const old = file;
    file = await driver.append(newStagedWrite(newFile()), Buffer.concat([...states, ...pieces]), {
      grows: true,
    });
    isDoubtful = false;
    // Both may be found after a crash: an end counts wherever it is, and a session only grows.
    if (old !== undefined) await driver.abort(old).catch(() => undefined);
  }
}

/** Whether a file of this name is of the process. */
export function isJournalOf(owner: string, name: string): boolean {
  return name.startsWith(`${owner}.`);
}

function stateOf({ id, repository, startedAt, write }: UploadSession): RecordPieces {
  return formatRecord({ id, state: { repository, startedAt, bytes: write.held ?? NO_BYTES } });
}
