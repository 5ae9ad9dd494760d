// The bytes of an upload, and their digest: computed while they pass, and otherwise from the store.
import { LRUCache } from 'lru-cache';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { hashOf } from './content.ts';
import { type Algorithm, algorithmOf, createDigester, type Digest, type Digester } from './digest.ts';
import { isRefusal, RegistryError } from './errors.ts';
import { receive } from './incoming.ts';
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
const LIVE_DIGESTERS = 10_000;

export function createUploadBytes(driver: StorageDriver): UploadBytes {
  const digesters = new LRUCache<SessionId, { readonly size: number; readonly digester: Digester }>({
    max: LIVE_DIGESTERS,
  });

  /** The digester that has seen exactly the bytes of the session; none where another process has written some of them. */
  function digesterFor({ id, write, digest }: UploadSession, algorithm: Algorithm): Digester | undefined {
    const live = digesters.get(id);
    const hasSeenAll = live?.size === write.size && (write.size === 0 || live.digester.digest() === digest);
    // A copy: an append that fails must not have been counted.
    if (live !== undefined && hasSeenAll) return live.digester.copy();
    return write.size === 0 ? createDigester(algorithm) : undefined;
  }

  return {
    begin(id, algorithm) {
      digesters.set(id, { size: 0, digester: createDigester(algorithm) });
    },

    async extend(session, chunk, algorithm) {
      const length = announcedLength(session, chunk);
      const digester = digesterFor(session, algorithm);
      const incoming = receive(chunk.body, digester, length);
      const write = await driver.append(session.write, incoming.content).catch((error: unknown) => {
        if (isRefusal(error, 'chunkSizeMismatch'))
          throw new UploadRefusal('chunkSizeMismatch', statusOf(session));
        throw error;
      });
      if (digester !== undefined) digesters.set(session.id, { size: write.size, digester });
      const { digest: _outdated, ...rest } = session;
      const extended = { ...rest, write, ...(digester && { digest: digester.digest() }) };
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
      digesters.delete(id);
    },
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Throws `bodyIncomplete` if the client broke off. What came is kept. */
export function throwIfBroken({ broken }: Extension): void {
  if (broken !== undefined) throw new RegistryError('bodyIncomplete', { cause: broken });
}
