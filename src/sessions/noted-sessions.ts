// Sessions on a store that does not show the bytes so far, such as a bucket: a note says all that there is to know, and holds few bytes
// itself. Nobody else can add to them, so what is remembered here holds.
import { LRUCache } from 'lru-cache';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { upload, uploadState } from '../registry/layout.ts';
import type { SessionId, UploadSession } from '../registry/sessions.ts';
import { loadSession, type SessionPlace } from './session-place.ts';
import { formatNote } from './session-record.ts';

interface Known {
  readonly session: UploadSession;
  /** There is nothing else of the session in the store, but for bytes of an attempt that failed: those are purged. */
  readonly hasOnlyNote: boolean;
  /** Of its note. */
  readonly length: number;
}

/** What the remembered sessions take together, in characters of their notes. */
const MOST_REMEMBERED = 32 * 1024 * 1024;

/** @param holds bytes that a note may hold: one object is written and removed then, instead of two */
export function createNotedSessions(driver: StorageDriver, holds: number): SessionPlace {
  const known = new LRUCache<SessionId, Known>({
    maxSize: MOST_REMEMBERED,
    sizeCalculation: ({ length }) => length,
  });

  return {
    holds,
    recall: (id) => known.get(id)?.session,
    find: (repository, id) => loadSession(driver, repository, id),
    claim: () => false,

    async save(session, isBegun) {
      const { id, repository } = session;
      const note = Buffer.from(formatNote(session));
      await driver.write(uploadState(repository, id), note);
      const hasOnlyNote = isBegun || known.get(id)?.hasOnlyNote === true;
      known.set(id, { session, hasOnlyNote, length: note.length });
      return true;
    },

    async remove({ repository, id }) {
      const hasOnlyNote = known.get(id)?.hasOnlyNote === true;
      known.delete(id);
      // What a power cut brings back is purged like any upload that nobody finishes.
      if (!hasOnlyNote) await driver.delete(upload(repository, id), { durable: false });
      await driver.delete(uploadState(repository, id), { durable: false, alone: true });
    },

    forget: (id) => void known.delete(id),
    async writeOut() {},
    async close() {},
  };
}
