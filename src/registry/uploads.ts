// Uploads of blobs, from the POST that begins one to the PUT that makes it a blob (distribution-spec end-4 to end-6, 13, 14).
//
// The bytes decide. A session remembers how many there are and what their digest was when they were written; the digest
// of an upload that another process went on with, or that was resumed after a restart, is computed from the store.
import { randomUUID } from 'node:crypto';
import { newStagedWrite, type StorageDriver } from '../../storage-drivers/driver.ts';
import { isKeyNotFound } from '../../storage-drivers/errors.ts';
import type { Blobs } from './blobs.ts';
import { type Algorithm, algorithmOf, CANONICAL_ALGORITHM, type Digest } from './digest.ts';
import { isRefusal, RegistryError } from './errors.ts';
import { blobData, uploadData } from './layout.ts';
import type { Lease, Locks } from './locks.ts';
import type { RepositoryName } from './name.ts';
import { parseSessionId, type SessionId, type UploadSession, type UploadSessions } from './sessions.ts';
import { createUploadBytes, type Extension, throwIfBroken } from './upload-bytes.ts';
import { announcedLength, type Body, type Chunk, statusOf, type UploadStatus } from './upload-chunks.ts';

export interface Uploads {
  /** Opens a session. `algorithm` is what the client will name the blob by, if it says so (end-4a, end-4c). */
  begin(repository: RepositoryName, algorithm?: Algorithm): Promise<UploadStatus>;
  /** Where a session stands (end-13). Throws `uploadUnknown`. */
  status(repository: RepositoryName, id: string): Promise<UploadStatus>;
  /**
   * Adds bytes at the end (end-5). Writers of one session take turns. If the client breaks off, what came is kept and
   * `bodyIncomplete` is thrown. Throws `uploadUnknown`, and UploadRefusal with nothing stored.
   */
  append(repository: RepositoryName, id: string, chunk: Chunk): Promise<UploadStatus>;
  /**
   * Adds the last bytes, if any, and makes the upload a blob of the repository (end-6). Throws what `append` throws, and
   * `digestMismatch`, which ends the session. Resolves to the size of the blob in bytes.
   */
  finish(repository: RepositoryName, id: string, digest: Digest, chunk?: Chunk): Promise<number>;
  /**
   * Makes a blob of one body, without a session (end-4b). Throws `digestMismatch`, `bodyIncomplete`; keeps nothing then. Resolves
   * to the size of the blob in bytes.
   */
  push(repository: RepositoryName, digest: Digest, chunk: Chunk): Promise<number>;
  /** Gives a session up (end-14). Throws `uploadUnknown`. */
  cancel(repository: RepositoryName, id: string): Promise<void>;
}

export interface UploadsDependencies {
  readonly driver: StorageDriver;
  readonly sessions: UploadSessions;
  readonly blobs: Pick<Blobs, 'admit'>;
  /** One writer per session. */
  readonly locks: Locks;
  readonly now?: () => Date;
}

export function createUploads(dependencies: UploadsDependencies): Uploads {
  const { driver, sessions, blobs, locks, now = () => new Date() } = dependencies;
  const bytes = createUploadBytes(driver);

  function newSession(repository: RepositoryName): UploadSession {
    const id = parseSessionId(randomUUID());
    return {
      id,
      repository,
      startedAt: now(),
      write: newStagedWrite(uploadData(repository, id), undefined, sessions.holds),
    };
  }

  async function require(repository: RepositoryName, id: SessionId): Promise<UploadSession> {
    const session = await sessions.find(repository, id);
    if (session === undefined) throw new RegistryError('uploadUnknown');
    return session;
  }

  /**
   * Runs `work` as the only writer of the session. If its bytes are gone, as after a crash that came when they were a blob
   * already, so is the session.
   */
  function alone<T>(
    repository: RepositoryName,
    text: string,
    work: (session: UploadSession, lease: Lease) => Promise<T>,
  ): Promise<T> {
    const id = parseSessionId(text);
    return locks.exclusive(id, async (lease) => {
      const session = await require(repository, id);
      try {
        return await work(session, lease);
      } catch (error) {
        if (!isKeyNotFound(error)) throw error;
        await discard(session);
        throw new RegistryError('uploadUnknown', { cause: error });
      }
    });
  }

  async function extendAndSave(
    session: UploadSession,
    chunk: Chunk,
    algorithm: Algorithm,
    lease: Lease,
  ): Promise<UploadSession> {
    announcedLength(session, chunk);
    const unclaimed = (session.write.holds ?? 0) - session.write.size;
    if (unclaimed <= 0) await sessions.claim(session, lease);
    const body = whileHeld(chunk.body, lease, unclaimed, () => sessions.claim(session, lease));
    let extension: Extension;
    try {
      extension = await bytes.extend(session, { ...chunk, body }, algorithm);
    } catch (error) {
      // It is as long as it was, and nobody writes any more.
      await sessions.save(session, lease).catch(() => undefined);
      throw error;
    }
    await sessions.save(extension.session, lease);
    throwIfBroken(extension);
    return extension.session;
  }

  /** The upload, on its way straight to the place of the blob if nothing of it is there yet: that saves a store a copy. */
  function aimAt(digest: Digest, session: UploadSession): UploadSession {
    const { write } = session;
    if (write.size > 0 || write.detail !== undefined || write.held !== undefined) return session;
    return { ...session, write: newStagedWrite(write.key, blobData(digest), write.holds) };
  }

  async function close(session: UploadSession, digest: Digest): Promise<void> {
    const { target } = session.write;
    // The client began to close the upload under another digest, and broke off.
    if (target !== undefined && target !== blobData(digest)) {
      await discard(session);
      throw new RegistryError('uploadUnknown');
    }
    if (canChangeYet(session)) return closeCopy(session, digest);
    const actual = await bytes.digestOf(session, algorithmOf(digest));
    if (actual !== digest) {
      await discard(session);
      throw new RegistryError('digestMismatch', { detail: { expected: digest, actual } });
    }
    await blobs.admit(session.repository, digest, session.write);
    bytes.forget(session.id);
  }

  /** A late writer still has the bytes open, and would write into the blob. It does not know of the copy. */
  async function closeCopy(session: UploadSession, digest: Digest): Promise<void> {
    const { content } = await driver.openStaged(session.write);
    let copy = aimAt(digest, newSession(session.repository));
    try {
      copy = (await bytes.extend(copy, { body: content }, algorithmOf(digest))).session;
      await close(copy, digest);
      await driver.abort(session.write);
    } catch (error) {
      await discard(copy);
      if (isRefusal(error, 'digestMismatch')) await discard(session);
      throw error;
    }
  }

  async function discard(session: UploadSession): Promise<void> {
    bytes.forget(session.id);
    await driver.abort(session.write);
    await sessions.remove(session);
  }

  return {
    async begin(repository, algorithm = CANONICAL_ALGORITHM) {
      const session = newSession(repository);
      await sessions.create(session);
      bytes.begin(session.id, algorithm);
      return statusOf(session);
    },

    async status(repository, id) {
      return statusOf(await require(repository, parseSessionId(id)));
    },

    append(repository, id, chunk) {
      return alone(repository, id, async (session, lease) =>
        statusOf(await extendAndSave(session, chunk, CANONICAL_ALGORITHM, lease)),
      );
    },

    finish(repository, id, digest, chunk) {
      return alone(repository, id, async (session, lease) => {
        const whole =
          chunk === undefined
            ? session
            : await extendAndSave(aimAt(digest, session), chunk, algorithmOf(digest), lease);
        await lease.confirm();
        await close(whole, digest);
        await sessions.remove(whole);
        return whole.write.size;
      });
    },

    async push(repository, digest, chunk) {
      let session = aimAt(digest, newSession(repository));
      try {
        const extension = await bytes.extend(session, chunk, algorithmOf(digest));
        session = extension.session;
        throwIfBroken(extension);
        await close(session, digest);
        return session.write.size;
      } catch (error) {
        await discard(session);
        throw error;
      }
    },

    cancel(repository, id) {
      return alone(repository, id, (session) => discard(session));
    },
  };
}

/**
 * The body, as long as the lease holds: whoever got the session after this writer goes on with the same bytes. What was passed
 * on until then is refused when it is saved. The session is claimed as soon as there are more bytes than the `unclaimed` ones.
 */
function whileHeld(body: Body, lease: Lease, unclaimed: number, claim: () => Promise<void>): Body {
  let left = unclaimed;
  async function passed(bytes: Uint8Array): Promise<Uint8Array> {
    if (lease.isLost()) throw new RegistryError('unavailable');
    const isClaimed = left <= 0;
    left -= bytes.length;
    if (!isClaimed && left < 0) await claim();
    return bytes;
  }
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) yield await passed(chunk);
  }
  return {
    async whole() {
      const bytes = await body.whole?.();
      return bytes && passed(bytes);
    },
    [Symbol.asyncIterator]: chunks,
  };
}

/** Whether bytes that were written may still become others. What a detail names never does, nor what is held. */
function canChangeYet({ write, disputed }: UploadSession): boolean {
  return disputed === true && write.size > 0 && write.detail === undefined && write.held === undefined;
}
