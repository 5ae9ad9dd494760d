// What a process that was killed left in its journal (journal.ts) becomes uploads of their own, as the `registry` image has them.
import { z } from 'zod';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { orAbsent } from '../registry/content.ts';
import { UPLOAD_JOURNALS, upload, uploadData, uploadJournal } from '../registry/layout.ts';
import { isRepositoryName } from '../registry/name.ts';
import { isSessionId, type SessionId, type UploadSession } from '../registry/sessions.ts';
import { writeInPlace } from './in-place.ts';
import { isJournalOf } from './journal.ts';
import { noteSchema } from './session-record.ts';

const lineSchema = z.object({
  id: z.string().refine(isSessionId),
  repository: z.string().refine(isRepositoryName).optional(),
  note: noteSchema.optional(),
});

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
    for (const line of Buffer.from(content ?? '')
      .toString('latin1')
      .split('\n')) {
      const session = parseLine(line);
      if (session === undefined) continue;
      if (session.startedAt === undefined) ended.add(session.id);
      else if (session.write.size >= (open.get(session.id)?.write.size ?? 0)) open.set(session.id, session);
    }
  }
  return [...open.values()].filter(({ id }) => !ended.has(id));
}

type Ended = Pick<UploadSession, 'id'> & { readonly startedAt?: undefined };

/** The state of a session; nothing for a line that is torn. */
function parseLine(line: string): UploadSession | Ended | undefined {
  const { data } = lineSchema.safeParse(parseJson(line));
  if (data === undefined) return undefined;
  const { id, repository, note } = data;
  if (note === undefined || repository === undefined) return { id };
  const { startedAt, write } = note;
  if (startedAt === undefined) return undefined;
  const key = uploadData(repository, id);
  return {
    id,
    repository,
    startedAt,
    write: { key, size: write.size, ...(write.detail !== undefined && { detail: write.detail }) },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
