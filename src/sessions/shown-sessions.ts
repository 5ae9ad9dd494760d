// Sessions on a store that shows the bytes so far where the `registry` image looks for them, such as a directory. What is remembered
// of one holds as long as its bytes are the same object; the digest so far of few bytes is not written down at all, since whoever does
// not remember it has it again at once. Who is alone on such a store may have a journal (journal.ts): few bytes are kept in that,
// and nothing is written of their session but there.
import { LRUCache } from 'lru-cache';
import pMap from 'p-map';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { atMost } from '../registry/at-most.ts';
import { orAbsent } from '../registry/content.ts';
import { upload, uploadData, uploadStartedAt, uploadState } from '../registry/layout.ts';
import type { RepositoryName } from '../registry/name.ts';
import type { SessionId, UploadSession } from '../registry/sessions.ts';
import { writeInPlace } from './in-place.ts';
import type { SessionJournal } from './journal.ts';
import { loadSession, type SessionPlace } from './session-place.ts';
import { formatNote, writeStartedAt } from './session-record.ts';

interface Seen {
  readonly session: UploadSession;
  /** Of its bytes. */
  readonly version: string;
}

/** Sessions whose digest so far is remembered. */
const MOST_SEEN = 10_000;
/** Bytes that are read again within a few milliseconds where nobody remembers their digest. */
const NOTED_FROM = 4 * 1024 * 1024;
/** When the sessions in the journal hold so many bytes together, no more of them go there. */
const MOST_IN_JOURNAL = 16 * 1024 * 1024;
const WRITTEN_AT_ONCE = 16;

/** @param holds bytes of an upload that the journal may hold */
export function createShownSessions(
  driver: StorageDriver,
  holds: number,
  journal?: SessionJournal,
): SessionPlace {
  /** Starts that are being written down. */
  const starting = new Map<SessionId, Promise<void>>();
  const seen = new LRUCache<SessionId, Seen>(atMost(MOST_SEEN));

  function start(session: UploadSession): void {
    const started = writeStartedAt(driver, session, 'coming');
    // Whoever waits for it next sees the error; until then it must not count as unhandled.
    started.catch(() => undefined);
    starting.set(session.id, started);
  }

  async function finishStart(id: SessionId): Promise<void> {
    const started = starting.get(id);
    starting.delete(id);
    await started;
  }

  /** What is remembered of a session, if its start and its bytes are still there as they were. */
  async function findSeen(repository: RepositoryName, id: SessionId): Promise<UploadSession | undefined> {
    const { session, version } = seen.get(id) ?? {};
    if (session?.repository !== repository) return undefined;
    const [started, data] = await Promise.all([
      orAbsent(driver.stat(uploadStartedAt(repository, id))),
      orAbsent(driver.stat(uploadData(repository, id))),
    ]);
    if (started !== undefined && started.size > 0 && data?.version === version) return session;
    seen.delete(id);
    return undefined;
  }

  /** What is noted may be lost with a power cut: that costs reading the upload once more. */
  async function saveInPlace(session: UploadSession): Promise<void> {
    const { id, repository, write } = session;
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
  }

  /** From the journal to where the store shows the bytes. To be called while nobody writes to the session. */
  async function moveInPlace(session: UploadSession): Promise<void> {
    await writeInPlace(driver, session);
    await journal?.leave(session.id);
  }

  return {
    get holds() {
      return journal !== undefined && journal.heldBytes() < MOST_IN_JOURNAL ? holds : 0;
    },

    recall: (id) => journal?.find(id),

    async find(repository, id) {
      return (await findSeen(repository, id)) ?? loadSession(driver, repository, id);
    },

    claim(session, isBegun) {
      // From here on there may be bytes, which somebody else can only go on with if they belong to a session. Neither is
      // promised before `save`, so they may come to the disk at the same time.
      const { size, held } = session.write;
      const isInPlace = size > 0 && held === undefined && !isBegun;
      if (!isInPlace && !starting.has(session.id)) start(session);
      return !isInPlace;
    },

    async save(session, isBegun) {
      const { id, write } = session;
      if (journal !== undefined && write.held !== undefined) {
        await saveInJournal(session, journal);
        return true;
      }
      const hasNoStart = !starting.has(id) && (isBegun || journal?.find(id) !== undefined);
      if (hasNoStart && write.size === 0) return false;
      // Fewer bytes than could have been held, in too many pieces.
      if (hasNoStart) start(session);
      await saveInPlace(session);
      // Or a crash would bring the fewer bytes back.
      await journal?.leave(id);
      return true;
    },

    async remove({ repository, id }) {
      if (journal?.find(id) !== undefined) return journal.end(id);
      const size = seen.get(id)?.session.write.size;
      seen.delete(id);
      // What a power cut brings back is purged like any upload that nobody finishes.
      await driver.delete(upload(repository, id), { durable: false });
      if (size !== undefined && size < NOTED_FROM) return;
      await driver.delete(uploadState(repository, id), { durable: false, alone: true });
    },

    forget: (id) => void seen.delete(id),

    async writeOut(id) {
      const kept = journal?.find(id);
      if (kept !== undefined) await moveInPlace(kept);
    },

    async close() {
      if (journal === undefined) return;
      await pMap(journal.quietFor(0), moveInPlace, { concurrency: WRITTEN_AT_ONCE });
      await journal.close();
    },
  };
}
