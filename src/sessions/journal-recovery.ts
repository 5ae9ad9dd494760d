// What a process that was killed left in its journal (journal.ts) becomes uploads of their own, as the `registry` image has them.
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { orAbsent } from '../registry/content.ts';
import { UPLOAD_JOURNALS, upload, uploadData, uploadJournal } from '../registry/layout.ts';
import type { SessionId, UploadSession } from '../registry/sessions.ts';
import { writeInPlace } from './in-place.ts';
import { isJournalOf } from './journal.ts';
import { type JournalRecord, parseRecords } from './journal-records.ts';

export interface Recovery {
  /** Uploads that were written down. */
  readonly uploads: number;
  /** Why none of them was, and all are left to the next start. */
  readonly failure?: unknown;
}

/**
 * Recovers the journals of one process, or those of all. To be called when they are gone, before anybody asks for an upload, and by
 * nobody else at the same time. All or nothing: what goes on in the store must not be in a journal any more, or the next start would
 * bring its fewer bytes back. Throws what the store throws where it cannot be told which of the two it is.
 */
export async function recoverJournals(driver: StorageDriver, owner?: string): Promise<Recovery> {
  if (driver.stagesInPlace !== true) return { uploads: 0 };
  const names = (await driver.list(UPLOAD_JOURNALS)).map(({ name }) => name);
  const files = owner === undefined ? names : names.filter((name) => isJournalOf(owner, name));
  const written: UploadSession[] = [];
  try {
    for (const session of await readOpen(driver, files)) {
      written.push(session);
      await writeInPlace(driver, session);
    }
  } catch (failure) {
    for (const { repository, id } of written) await driver.delete(upload(repository, id));
    return { uploads: 0, failure };
  }
  for (const file of files) await driver.delete(uploadJournal(file));
  return { uploads: written.length };
}

/** The sessions that have not ended, as they were last. */
async function readOpen(driver: StorageDriver, files: readonly string[]): Promise<Iterable<UploadSession>> {
  const open = new Map<SessionId, UploadSession>();
  const ended = new Set<SessionId>();
  for (const file of files) {
    const content = await orAbsent(driver.read(uploadJournal(file)));
    for (const { id, state } of parseRecords(Buffer.from(content ?? ''))) {
      if (state === undefined) ended.add(id);
      else if (state.bytes.length >= (open.get(id)?.write.size ?? 0)) open.set(id, sessionOf(id, state));
    }
  }
  return [...open.values()].filter(({ id }) => !ended.has(id));
}

function sessionOf(
  id: SessionId,
  { repository, startedAt, bytes }: NonNullable<JournalRecord['state']>,
): UploadSession {
  const key = uploadData(repository, id);
  return { id, repository, startedAt, write: { key, size: bytes.length, held: bytes } };
}
