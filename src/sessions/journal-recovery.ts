// What a server that was killed left in its journal (journal.ts) becomes uploads of their own, as the `registry` image has them.
import { z } from 'zod';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { orAbsent } from '../registry/content.ts';
import { blobData, layerLink, UPLOAD_JOURNALS, uploadData, uploadJournal } from '../registry/layout.ts';
import { isRepositoryName } from '../registry/name.ts';
import { isSessionId, type SessionId, type UploadSession } from '../registry/sessions.ts';
import { writeInPlace } from './in-place.ts';
import { noteSchema } from './session-record.ts';

const lineSchema = z.object({
  id: z.string().refine(isSessionId),
  repository: z.string().refine(isRepositoryName).optional(),
  note: noteSchema.optional(),
});

/**
 * To be called before anybody asks for an upload, and by nobody else at the same time. Resolves to the number of uploads that
 * were written down. Throws what the store throws; what was not done is done by the next call.
 */
export async function recoverJournals(driver: StorageDriver): Promise<number> {
  if (driver.stagesInPlace !== true) return 0;
  const files = await driver.list(UPLOAD_JOURNALS);
  if (files.length === 0) return 0;
  const open = new Map<SessionId, UploadSession>();
  const ended = new Set<SessionId>();
  for (const { name } of files) {
    const content = await orAbsent(driver.read(uploadJournal(name)));
    for (const line of Buffer.from(content ?? '')
      .toString('latin1')
      .split('\n')) {
      const session = parseLine(line);
      if (session === undefined) continue;
      if (session.startedAt === undefined) ended.add(session.id);
      else if (session.write.size >= (open.get(session.id)?.write.size ?? 0)) open.set(session.id, session);
    }
  }
  let count = 0;
  for (const session of open.values()) {
    // Its end may have been on its way when its bytes were a blob already.
    if (ended.has(session.id) || (await isBlob(driver, session))) continue;
    await writeInPlace(driver, session);
    count += 1;
  }
  for (const { name } of files) await driver.delete(uploadJournal(name));
  return count;
}

async function isBlob(driver: StorageDriver, { repository, digest }: UploadSession): Promise<boolean> {
  if (digest === undefined) return false;
  const [link, data] = await Promise.all([
    orAbsent(driver.stat(layerLink(repository, digest))),
    orAbsent(driver.stat(blobData(digest))),
  ]);
  return link !== undefined && data !== undefined;
}

type Ended = Pick<UploadSession, 'id'> & { readonly startedAt?: undefined };

/** The state of a session; nothing for a line that is torn. */
function parseLine(line: string): UploadSession | Ended | undefined {
  const { data } = lineSchema.safeParse(parseJson(line));
  if (data === undefined) return undefined;
  const { id, repository, note } = data;
  if (note === undefined || repository === undefined) return { id };
  const { startedAt, write, digest } = note;
  if (startedAt === undefined) return undefined;
  const key = uploadData(repository, id);
  return {
    id,
    repository,
    startedAt,
    write: { key, size: write.size, ...(write.detail !== undefined && { detail: write.detail }) },
    ...(digest && { digest }),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
