// The bytes of an upload, and their digest: computed while they pass, and otherwise from the store.
import { LRUCache } from 'lru-cache';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { atMost } from './at-most.ts';
import { hashOf } from './content.ts';
import { type Algorithm, algorithmOf, createDigester, type Digest } from './digest.ts';
import { isRefusal, RegistryError } from './errors.ts';
import { createHashThread } from './hash-thread.ts';
import { receive } from './incoming.ts';
import { createRunningDigest, type RunningDigest } from './running-digest.ts';
import type { SessionId, UploadSession } from './sessions.ts';
import { announcedLength, type Chunk, statusOf, UploadRefusal } from './upload-chunks.ts';

/** An upload that was added to. */
export interface Extension {
  readonly session: UploadSession;
  /** Why the client's bytes ended early, if they did. */
  readonly broken: unknown;
}

export interface UploadBytes {
  /** Computes the digest of a session from its first byte on. */
  begin(id: SessionId, algorithm: Algorithm): void;
  /** Adds what the client sends. Throws UploadRefusal with nothing stored. */
  extend(session: UploadSession, chunk: Chunk, algorithm: Algorithm): Promise<Extension>;
  /** The digest of all bytes. Throws `keyNotFound` of the driver if they are gone. */
  digestOf(session: UploadSession, algorithm: Algorithm): Promise<Digest>;
  /** The session is over. */
  forget(id: SessionId): void;
}

/** Sessions whose half-computed digest is kept in memory; the others are hashed again when they are closed. */
const LIVE_DIGESTS = 10_000;

export function createUploadBytes(driver: StorageDriver, thread = createHashThread()): UploadBytes {
  const digests = new LRUCache<SessionId, { readonly size: number; readonly running: RunningDigest }>({
    ...atMost(LIVE_DIGESTS),
    dispose: ({ running }) => running.forget(),
  });

  /** The digest that has seen exactly the bytes of the session; none where another process has written some of them. */
  async function runningFor(
    { id, write, digest }: UploadSession,
    algorithm: Algorithm,
  ): Promise<RunningDigest | undefined> {
    const live = digests.get(id);
    if (live?.size === write.size) {
      // A copy: an append that fails must not have been counted.
      const copy = live.running.copy();
      if (write.size === 0 || (await copy.digest()) === digest) return copy;
      copy.forget();
    }
    return write.size === 0 ? createRunningDigest(algorithm, thread) : undefined;
  }

  return {
    begin(id, algorithm) {
      digests.set(id, { size: 0, running: createRunningDigest(algorithm, thread) });
    },

    async extend(session, chunk, algorithm) {
      const length = announcedLength(session, chunk);
      const running = await runningFor(session, algorithm);
      const incoming = receive(chunk.body, running, length);
      const write = await driver.append(session.write, incoming.content).catch((error: unknown) => {
        running?.forget();
        if (isRefusal(error, 'chunkSizeMismatch'))
          throw new UploadRefusal('chunkSizeMismatch', statusOf(session));
        throw error;
      });
      if (running !== undefined) digests.set(session.id, { size: write.size, running });
      const { digest: _outdated, ...rest } = session;
      const digest = await running?.digest();
      const extended = { ...rest, write, ...(digest !== undefined && { digest }) };
      return { session: extended, broken: incoming.broken() };
    },

    async digestOf(session, algorithm) {
      if (session.digest !== undefined && algorithmOf(session.digest) === algorithm) return session.digest;
      if (session.write.size === 0) return createDigester(algorithm).digest();
      // Bytes of a process that was killed may have reached the file and not yet the disk.
      const durable = await driver.append(session.write, nothing());
      return hashOf(await driver.openStaged(durable), algorithm);
    },

    forget(id) {
      digests.delete(id);
    },
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Throws `bodyIncomplete` if the client broke off. What came is kept. */
export function throwIfBroken({ broken }: Extension): void {
  if (broken !== undefined) throw new RegistryError('bodyIncomplete', { cause: broken });
}
