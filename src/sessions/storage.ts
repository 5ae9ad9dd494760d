// Upload sessions of one process that works on them alone, remembered in the storage itself: that lets an upload go on after a restart,
// or in the `registry` image.
//
// A session without a byte is kept in memory: to begin it anew costs its client nothing. With its first bytes it goes to its place,
// which is another one where the store shows them (shown-sessions.ts) than where it does not (noted-sessions.ts).
import pMap from 'p-map';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import type { SessionId, UploadSession, UploadSessions } from '../registry/sessions.ts';
import type { SessionJournal } from './journal.ts';
import { createNotedSessions } from './noted-sessions.ts';
import { writeStartedAt } from './session-record.ts';
import { createShownSessions } from './shown-sessions.ts';

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
/** Bytes that a session may hold itself, where the place has something to keep them in. */
const MOST_HELD = 64 * 1024;
const WRITTEN_AT_ONCE = 16;

export function createStorageSessions(driver: StorageDriver, journal?: SessionJournal): StorageSessions {
  const begun = new Map<SessionId, UploadSession>();
  /** Those of them whose first bytes are coming to the store, which shows of them what it likes until they are saved. */
  const coming = new Map<SessionId, UploadSession>();
  const place = driver.stagesInPlace
    ? createShownSessions(driver, MOST_HELD, journal)
    : createNotedSessions(driver, MOST_HELD);

  async function writeDown(session: UploadSession): Promise<void> {
    await writeStartedAt(driver, session, 'none');
    begun.delete(session.id);
  }

  function isBegun(id: SessionId): boolean {
    return begun.has(id) || coming.has(id);
  }

  function forget(id: SessionId): void {
    begun.delete(id);
    coming.delete(id);
  }

  return {
    get holds() {
      return place.holds;
    },

    async create(session) {
      const [oldest] = begun.values();
      if (oldest !== undefined && begun.size >= MOST_BEGUN) await writeDown(oldest);
      begun.set(session.id, session);
    },

    async find(repository, id) {
      const session = begun.get(id) ?? place.recall(id);
      if (session?.repository === repository) return session;
      const first = coming.get(id);
      const found = await place.find(repository, id);
      return found ?? (first?.repository === repository ? first : undefined);
    },

    async claim(session) {
      const { id } = session;
      const first = begun.get(id);
      if (!place.claim(session, isBegun(id)) || first === undefined) return;
      // Whose save failed stays until there are many.
      const [oldest] = coming.keys();
      if (oldest !== undefined && coming.size >= MOST_BEGUN) coming.delete(oldest);
      coming.set(id, first);
      begun.delete(id);
    },

    async save(session) {
      const { id } = session;
      if (await place.save(session, isBegun(id))) forget(id);
    },

    async remove(session) {
      forget(session.id);
      await place.remove(session);
    },

    async handOver(id) {
      const session = begun.get(id);
      if (session !== undefined) await writeDown(session);
      await place.writeOut(id);
      place.forget(id);
    },

    takeOut(id) {
      const session = begun.get(id);
      forget(id);
      place.forget(id);
      return session;
    },

    async close() {
      await pMap(begun.values(), writeDown, { concurrency: WRITTEN_AT_ONCE });
      await place.close();
    },
  };
}
