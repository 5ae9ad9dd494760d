// Where sessions are that have bytes, and what of them is remembered beside the store. There are two such places: shown-sessions.ts
// and noted-sessions.ts. Sessions without a byte are in neither (storage.ts).
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { orAbsent } from '../registry/content.ts';
import { uploadData, uploadState } from '../registry/layout.ts';
import type { RepositoryName } from '../registry/name.ts';
import type { SessionId, UploadSession } from '../registry/sessions.ts';
import { parseNote, progressOf, readStartedAt } from './session-record.ts';

/** `isBegun`: the session had no bytes until now, and nothing of it is written down. */
export interface SessionPlace {
  readonly holds: number;
  /** What is remembered here without asking the store, of whichever repository. */
  recall(id: SessionId): UploadSession | undefined;
  find(repository: RepositoryName, id: SessionId): Promise<UploadSession | undefined>;
  /** Bytes are about to come to the store. Whether something is written down of the session now; `save` waits for it. */
  claim(session: UploadSession, isBegun: boolean): boolean;
  /** Resolves to whether the session is here now: one without a byte need not be. */
  save(session: UploadSession, isBegun: boolean): Promise<boolean>;
  remove(session: Pick<UploadSession, 'repository' | 'id'>): Promise<void>;
  /** Another process goes on with it. */
  forget(id: SessionId): void;
  /** The store shows to others all that there is of it afterwards. To be called while nobody writes to it. */
  writeOut(id: SessionId): Promise<void>;
  close(): Promise<void>;
}

/** A session as everybody finds it in the store. */
export async function loadSession(
  driver: StorageDriver,
  repository: RepositoryName,
  id: SessionId,
): Promise<UploadSession | undefined> {
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
