// The journal of a process whose server works alone on a store which adds to its objects in place: small uploads are kept in one file
// for all of them, and not in some files and folders for each. States that come at the same moment are brought to the disk together
// (group commit).
//
// A line says how far a session is, with all of its bytes, or that it has ended. The last line of a session counts. When the file
// is long, the sessions that are still open go on in a new one. What a process that was killed leaves is written down as uploads
// of their own (journal-recovery.ts).
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { newStagedWrite, type StagedWrite, type StorageDriver } from '../../storage-drivers/driver.ts';
import { isKeyNotFound } from '../../storage-drivers/errors.ts';
import { uploadJournal } from '../registry/layout.ts';
import type { SessionId, UploadSession } from '../registry/sessions.ts';
import { formatNote } from './session-record.ts';

export interface SessionJournal {
  /** The session, if its last state is kept here. */
  find(id: SessionId): UploadSession | undefined;
  /** Resolves when the state of the session is durable. Throws what the store throws; the state before is kept then. */
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

const LONG = 8 * 1024 * 1024;

interface Entry {
  readonly session: UploadSession;
  /** By the clock of `performance.now`. */
  readonly since: number;
}

interface Line {
  readonly text: string;
  readonly isDurable: boolean;
  /** The line is written, and durable if it is to be. */
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
  let waiting: Line[] = [];
  let writing: Promise<void> | undefined;
  let file: StagedWrite | undefined;
  let held = 0;
  /** A write failed: what is in the file that was not durable by then may be anything. */
  let isDoubtful = false;

  return {
    find: (id) => open.get(id)?.session,

    keep: (session) =>
      add(formatLine(session), true, () => {
        forget(session.id);
        open.set(session.id, { session, since: performance.now() });
        held += session.write.size;
      }),

    async end(id) {
      // What came of the upload is there, whatever becomes of this line; who has to keep something tells what is wrong.
      if (forget(id)) await add(formatEnd(id), false).catch(() => undefined);
    },

    async leave(id) {
      if (open.has(id)) await add(formatEnd(id), true, () => forget(id));
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

  /** `onWritten` runs before any later line is written: who goes on in another file has to know of this one. */
  function add(text: string, isDurable: boolean, onWritten?: () => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const done = () => {
      onWritten?.();
      resolve();
    };
    waiting.push({ text, isDurable, done, fail: reject });
    writing ??= writeAll();
    return promise;
  }

  /** Lines that come while others are on their way share the next write. */
  async function writeAll(): Promise<void> {
    // So do those of the same turn of the event loop.
    await setImmediate();
    while (waiting.length > 0) {
      const lines = waiting;
      waiting = [];
      try {
        const durable = lines.some(({ isDurable }) => isDurable);
        await write(lines.map(({ text }) => text).join(''), durable);
        for (const { done } of lines) done();
      } catch (error) {
        for (const { fail } of lines) fail(error);
      }
    }
    writing = undefined;
  }

  async function write(text: string, durable: boolean): Promise<void> {
    const present = file !== undefined && file.size < longest && !isDoubtful ? file : undefined;
    if (present === undefined || !(await addTo(present, text, durable))) await beginFile(text);
  }

  /** Resolves to whether the file is there. It is nobody's to remove, and still its loss must not cost more than it held. */
  async function addTo(present: StagedWrite, text: string, durable: boolean): Promise<boolean> {
    try {
      file = await driver.append(present, onlyChunk(text), { durable, grows: true });
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

  async function beginFile(text: string): Promise<void> {
    const states = [...open.values()].map(({ session }) => formatLine(session)).join('');
    const old = file;
    file = await driver.append(newStagedWrite(newFile()), onlyChunk(states + text), { grows: true });
    isDoubtful = false;
    // Both may be found after a crash: an end counts wherever it is, and a session only grows.
    if (old !== undefined) await driver.abort(old).catch(() => undefined);
  }
}

/** Whether a file of this name is of the process. */
export function isJournalOf(owner: string, name: string): boolean {
  return name.startsWith(`${owner}.`);
}

function formatLine(session: UploadSession): string {
  const { id, repository } = session;
  return `{"id":"${id}","repository":"${repository}","note":${formatNote(session)}}\n`;
}

function formatEnd(id: SessionId): string {
  return `{"id":"${id}"}\n`;
}

async function* onlyChunk(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
