// The bytes of an upload, and their digest: computed while they pass, and otherwise from the store.
import { LRUCache } from 'lru-cache';
import type { StagedWrite, StorageDriver } from '../../storage-drivers/driver.ts';
import { atMost } from './at-most.ts';
import { hashOf } from './content.ts';
import {
  type Algorithm,
  algorithmOf,
  CANONICAL_ALGORITHM,
  createDigester,
  type Digest,
  digestOf,
} from './digest.ts';
import { isRefusal, RegistryError } from './errors.ts';
import { createHashThread } from './hash-thread.ts';
import { receive } from './incoming.ts';
import { createRunningDigest, type RunningDigest } from './running-digest.ts';
import type { SessionId, UploadSession } from './sessions.ts';
import { announcedLength, type Body, type Chunk, statusOf, UploadRefusal } from './upload-chunks.ts';

/** An upload that was added to. */
export interface Extension {
  readonly session: UploadSession;
  /** Why the client's bytes ended early, if they did. */
  readonly broken: unknown;
}

export interface UploadBytes {
  /** The digest of a session is computed by this algorithm from its first byte on. */
  begin(id: SessionId, algorithm: Algorithm): void;
  /** Adds what the client sends. Throws UploadRefusal with nothing stored. */
  extend(session: UploadSession, chunk: Chunk, algorithm: Algorithm): Promise<Extension>;
  /** The digest of all bytes. Throws `keyNotFound` of the driver if they are gone. */
  digestOf(session: UploadSession, algorithm: Algorithm): Promise<Digest>;
  /** The session is over. */
  forget(id: SessionId): void;
}

interface LiveDigest {
  readonly algorithm: Algorithm;
  /** Of what it has seen, in bytes. */
  readonly size: number;
  readonly running: RunningDigest;
}

/** Sessions whose half-computed digest is kept in memory; the others are hashed again when they are closed. */
const LIVE_DIGESTS = 10_000;
const NO_BYTES = new Uint8Array(0);

export function createUploadBytes(driver: StorageDriver, thread = createHashThread()): UploadBytes {
  const digests = new LRUCache<SessionId, LiveDigest>({
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
    if (write.size > 0 && write.held === undefined) return undefined;
    const running = createRunningDigest(algorithm, thread);
    if (write.held !== undefined) await running.update(write.held);
    return running;
  }

  /** The session with the longer write, of which `running` has seen all bytes. */
  async function extended(
    session: UploadSession,
    write: StagedWrite,
    algorithm: Algorithm,
    running: RunningDigest | undefined,
  ): Promise<UploadSession> {
    if (running !== undefined) digests.set(session.id, { algorithm, size: write.size, running });
    return withWrite(session, write, await running?.digest());
  }

  /** Adds what is all there already. As long as a session holds its bytes, nothing else is remembered of their digest. */
  async function extendAtOnce(
    session: UploadSession,
    bytes: Uint8Array,
    algorithm: Algorithm,
  ): Promise<UploadSession> {
    const write = await driver.append(session.write, bytes);
    if (write.held !== undefined) return withWrite(session, write, digestOf(write.held, algorithm));
    const running = await runningFor(session, algorithm);
    await running?.update(bytes);
    return extended(session, write, algorithm, running);
  }

  /** Adds what is still coming, and is hashed meanwhile. */
  async function extendAsItComes(
    session: UploadSession,
    body: Body,
    length: number | undefined,
    algorithm: Algorithm,
  ): Promise<Extension> {
    const running = await runningFor(session, algorithm);
    const incoming = receive(body, running, length);
    const write = await driver.append(session.write, incoming.content).catch((error: unknown) => {
      running?.forget();
      throw isRefusal(error, 'chunkSizeMismatch') ? wrongLength(session) : error;
    });
    return { session: await extended(session, write, algorithm, running), broken: incoming.broken() };
  }

  return {
    begin(id, algorithm) {
      if (algorithm === CANONICAL_ALGORITHM) return;
      digests.set(id, { algorithm, size: 0, running: createRunningDigest(algorithm, thread) });
    },

    async extend(session, chunk, usual) {
      const length = announcedLength(session, chunk);
      const algorithm = digests.get(session.id)?.algorithm ?? usual;
      const whole = await chunk.body.whole?.();
      if (whole === undefined) return extendAsItComes(session, chunk.body, length, algorithm);
      if (length !== undefined && whole.length !== length) throw wrongLength(session);
      return { session: await extendAtOnce(session, whole, algorithm), broken: undefined };
    },

    async digestOf(session, algorithm) {
      if (session.digest !== undefined && algorithmOf(session.digest) === algorithm) return session.digest;
      if (session.write.size === 0) return createDigester(algorithm).digest();
      // Bytes of a process that was killed may have reached the file and not yet the disk.
      const durable = await driver.append(session.write, NO_BYTES);
      return hashOf(await driver.openStaged(durable), algorithm);
    },

    forget(id) {
      digests.delete(id);
    },
  };
}

function withWrite(
  { digest: _outdated, ...rest }: UploadSession,
  write: StagedWrite,
  digest: Digest | undefined,
): UploadSession {
  return { ...rest, write, ...(digest !== undefined && { digest }) };
}

function wrongLength(session: UploadSession): UploadRefusal {
  return new UploadRefusal('chunkSizeMismatch', statusOf(session));
}

/** Throws `bodyIncomplete` if the client broke off. What came is kept. */
export function throwIfBroken({ broken }: Extension): void {
  if (broken !== undefined) throw new RegistryError('bodyIncomplete', { cause: broken });
}
