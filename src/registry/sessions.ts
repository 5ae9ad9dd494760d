// Upload sessions: the port behind which half-done uploads are remembered. Adapters live in src/sessions.
import type { StagedWrite } from '../../storage-drivers/driver.ts';
import type { Digest } from './digest.ts';
import { RegistryError } from './errors.ts';
import type { Lease } from './locks.ts';
import type { RepositoryName } from './name.ts';

declare const brand: unique symbol;

/** A UUID: the `registry` image purges only uploads that are named so. */
export type SessionId = string & { readonly [brand]: 'SessionId' };

export interface UploadSession {
  readonly id: SessionId;
  readonly repository: RepositoryName;
  readonly startedAt: Date;
  /** The bytes so far. They, and never this record, decide what is committed. */
  readonly write: StagedWrite;
  /** Digest of all bytes so far, where whoever wrote them computed it. */
  readonly digest?: Digest;
  /** A writer that lost its lock without knowing it may still add to the bytes. */
  readonly disputed?: true;
}

export interface UploadSessions {
  /** Bytes that a session's write may hold itself: `save` keeps them as durably as the store keeps objects. */
  readonly holds?: number;
  /** Remembers a new session. One that has no bytes yet may be lost with its process. */
  create(session: UploadSession): Promise<void>;
  /** The session, also one that the `registry` image began in the same directory; `undefined` if there is none. */
  find(repository: RepositoryName, id: SessionId): Promise<UploadSession | undefined>;
  /**
   * Says that the lease's holder is about to write. Until it saves, whoever finds the session finds it disputed: a holder that
   * stands still for long loses its lock without knowing. Throws `unavailable` if that has happened already. For a session whose
   * write may hold its bytes: said when there are more.
   */
  claim(session: UploadSession, lease: Lease): Promise<void>;
  /**
   * Keeps the progress of a session. The bytes are durable before this is called. Throws `unavailable` if the lease on the
   * session's id is lost.
   */
  save(session: UploadSession, lease: Lease): Promise<void>;
  /** Forgets a session and everything that was kept under its id. */
  remove(session: Pick<UploadSession, 'repository' | 'id'>): Promise<void>;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Reads a session id. Throws `uploadUnknown`: an id of another form is one that nobody was given. */
export function parseSessionId(text: string): SessionId {
  if (!isSessionId(text)) throw new RegistryError('uploadUnknown');
  return text;
}

export function isSessionId(text: string): text is SessionId {
  return UUID.test(text);
}
