// Upload sessions of one process that works on them alone, remembered in the storage itself: that lets an upload go on after a restart,
// or in the `registry` image.
//
// A session without a byte is kept in memory: to begin it anew costs its client nothing. With its first bytes it is written
// down. Where the store does not show the bytes so far, nobody else can add to them, and what is remembered here holds. Where it
// shows them, it holds as long as they are the same object; the digest so far of few bytes is not written down at all, since
// whoever does not remember it has it again at once. Who is alone on such a store may have a journal (journal.ts): then few bytes
// are kept in that, and nothing is written of their session but there.
import { LRUCache } from 'lru-cache';
import pMap from 'p-map';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { atMost } from '../registry/at-most.ts';
import { orAbsent } from '../registry/content.ts';
import { upload, uploadData, uploadStartedAt, uploadState } from '../registry/layout.ts';
import type { RepositoryName } from '../registry/name.ts';
import type { SessionId, UploadSession, UploadSessions } from '../registry/sessions.ts';
import { writeInPlace } from './in-place.ts';
import type { SessionJournal } from './journal.ts';
import { formatNote, parseNote, progressOf, readStartedAt, writeStartedAt } from './session-record.ts';

export interface StorageSessions extends UploadSessions {
  /** Keeps nothing of the session in memory: another process goes on with it. To be called while nobody writes to it. */
  handOver(id: SessionId): Promise<void>;
  /** The same, but a session without a byte is not written down: who takes it has it alone. `undefined` for every other one. */
  takeOut(id: SessionId): UploadSession | undefined;
  /** Writes down what was only in memory, so that the next process finds it. */
  close(): Promise<void>;
}

/** Sessions without a byte that are only in memory; beyond that the oldest ones are written down. */
const MOST_BEGUN = 1_000;
/** What the remembered sessions with bytes take together, in characters of their notes. */
const MOST_REMEMBERED = 32 * 1024 * 1024;
/** When the sessions in the journal hold so many bytes together, no more of them go there. */
const MOST_IN_JOURNAL = 16 * 1024 * 1024;
/** Bytes of an upload that its note holds: one object is written and removed then, instead of two. */
const MOST_HELD = 64 * 1024;
const WRITTEN_AT_ONCE = 16;
/** Sessions whose bytes the store shows, and whose digest so far is remembered. */
const MOST_SEEN = 10_000;
/** Bytes that are read again within a few milliseconds where nobody remembers their digest. */
const NOTED_FROM = 4 * 1024 * 1024;

export function createStorageSessions(driver: StorageDriver, journal?: SessionJournal): StorageSessions {
  const begun = new Map<SessionId, UploadSession>();
  const known = new LRUCache<SessionId, Known>({
    maxSize: MOST_REMEMBERED,
    sizeCalculation: ({ length }) => length,
  });

  /** Starts that are being written down. */
  const starting = new Map<SessionId, Promise<void>>();
  const seen = new LRUCache<SessionId, Seen>(atMost(MOST_SEEN));

  async function writeDown(session: UploadSession, bytes: 'none' | 'coming' = 'none'): Promise<void> {
    await writeStartedAt(driver, session, bytes);
    begun.delete(session.id);
  }

  async function finishStart(id: SessionId): Promise<void> {
    const start = starting.get(id);
    starting.delete(id);
    await start;
  }

  /** What is remembered of a session whose bytes the store shows, if its start and its bytes are still there as they were. */
  async function findSeen(repository: RepositoryName, id: SessionId): Promise<UploadSession | undefined> {
    const { session, version } = seen.get(id) ?? {};
    if (session?.repository !== repository) return undefined;
    const [start, data] = await Promise.all([
      orAbsent(driver.stat(uploadStartedAt(repository, id))),
      orAbsent(driver.stat(uploadData(repository, id))),
    ]);
    if (start !== undefined && start.size > 0 && data?.version === version) return session;
    seen.delete(id);
    return undefined;
  }

  /** In place, what is noted may be lost with a power cut: that costs reading the upload once more. */
  async function saveInPlace(session: UploadSession): Promise<void> {
    const { id, repository, write } = session;
    const hasNoStart = !starting.has(id) && (begun.has(id) || journal?.find(id) !== undefined);
    if (hasNoStart && write.size === 0) return;
    // Fewer bytes than could have been held, in too many pieces.
    if (hasNoStart) starting.set(id, writeDown(session, 'coming'));
    await finishStart(id);
    if (write.size >= NOTED_FROM) {
      await driver.write(uploadState(repository, id), Buffer.from(formatNote(session)), { durable: false });
    }
    const data = await orAbsent(driver.stat(uploadData(repository, id)));
    // The bytes that were to come did not: the next ones may.
    if (data === undefined && write.size === 0) await writeStartedAt(driver, session, 'none');
    if (data?.size === write.size) seen.set(id, { session, version: data.version });
    else seen.delete(id);
  }

  async function saveInJournal(session: UploadSession, journal: SessionJournal): Promise<void> {
    const { id, repository } = session;
    if (starting.has(id)) {
      // More bytes were on their way, and did not come.
      await finishStart(id).catch(() => undefined);
      await driver.delete(upload(repository, id), { durable: false });
    }
    await journal.keep(session);
    begun.delete(id);
  }

  /** From the journal to where the store shows the bytes. To be called while nobody writes to the session. */
  async function moveInPlace(session: UploadSession): Promise<void> {
    await writeInPlace(driver, session);
    await journal?.end(session.id);
  }

  async function load(repository: RepositoryName, id: SessionId): Promise<UploadSession | undefined> {
    const key = uploadData(repository, id);
    const [started, noted, data] = await Promise.all([
      readStartedAt(driver, repository, id),
      orAbsent(driver.read(uploadState(repository, id))),
      orAbsent(driver.stat(key)),
    ]);
    const note = noted === undefined ? undefined : parseNote(noted);
    // A crash came between the commit of its bytes and the end of the session.
    if (driver.stagesInPlace && started?.hadBytes && data === undefined) return undefined;
    const startedAt = started?.startedAt ?? (driver.stagesInPlace ? undefined : note?.startedAt);
    if (startedAt === undefined) return undefined;
    // Within one process no writer loses its lock.
    const { disputed: _never, ...progress } = progressOf(key, note, data?.size);
    return { id, repository, startedAt, ...progress };
  }

  return {
    get holds() {
      if (driver.stagesInPlace !== true) return MOST_HELD;
      return journal !== undefined && journal.heldBytes() < MOST_IN_JOURNAL ? MOST_HELD : 0;
    },

    async create(session) {
      const [oldest] = begun.values();
      if (oldest !== undefined && begun.size >= MOST_BEGUN) await writeDown(oldest);
      begun.set(session.id, session);
    },

    async find(repository, id) {
      const session = begun.get(id) ?? known.get(id)?.session ?? journal?.find(id);
      if (session?.repository === repository) return session;
      return (await findSeen(repository, id)) ?? load(repository, id);
    },

    async claim(session) {
      // From here on there may be bytes, which somebody else can only go on with if they belong to a session. Neither is
      // promised before `save`, so they may come to the disk at the same time.
      const { size, detail } = session.write;
      const isInPlace = size > 0 && detail === undefined && !begun.has(session.id);
      if (!driver.stagesInPlace || isInPlace) return;
      const start = starting.get(session.id) ?? writeDown(session, 'coming');
      start.catch(() => undefined);
      starting.set(session.id, start);
    },

    async save(session) {
      if (journal !== undefined && session.write.detail !== undefined) return saveInJournal(session, journal);
      if (driver.stagesInPlace) {
        await saveInPlace(session);
        // Or a crash would bring the fewer bytes back.
        await journal?.end(session.id);
        return;
      }
      const { id, repository } = session;
      const note = Buffer.from(formatNote(session));
      await driver.write(uploadState(repository, id), note);
      const hasOnlyNote = begun.delete(id) || known.get(id)?.hasOnlyNote === true;
      known.set(id, { session, hasOnlyNote, length: note.length });
    },

    async remove({ repository, id }) {
      if (journal?.find(id) !== undefined) return journal.end(id);
      const hasOnlyNote = known.get(id)?.hasOnlyNote === true;
      const size = seen.get(id)?.session.write.size;
      begun.delete(id);
      known.delete(id);
      seen.delete(id);
      // What a power cut brings back is purged like any upload that nobody finishes.
      if (!hasOnlyNote) await driver.delete(upload(repository, id), { durable: false });
      if (size !== undefined && size < NOTED_FROM) return;
      await driver.delete(uploadState(repository, id), { durable: false, alone: true });
    },

    async handOver(id) {
      const session = begun.get(id);
      if (session !== undefined) await writeDown(session);
      known.delete(id);
      const kept = journal?.find(id);
      if (kept !== undefined) await moveInPlace(kept);
    },

    takeOut(id) {
      const session = begun.get(id);
      begun.delete(id);
      known.delete(id);
      return session;
    },

    async close() {
      await pMap(begun.values(), (session) => writeDown(session), { concurrency: WRITTEN_AT_ONCE });
      if (journal === undefined) return;
      await pMap(journal.quietFor(0), moveInPlace, { concurrency: WRITTEN_AT_ONCE });
      await journal.close();
    },
  };
}

interface Seen {
  readonly session: UploadSession;
  /** Of its bytes. */
  readonly version: string;
}

interface Known {
  readonly session: UploadSession;
  /** There is nothing else of the session in the store, but for bytes of an attempt that failed: those are purged. */
  readonly hasOnlyNote: boolean;
  /** Of its note. */
  readonly length: number;
}
