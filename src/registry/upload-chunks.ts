// What a request adds to an upload, and where the upload stands.
import { RegistryError } from './errors.ts';
import type { RepositoryName } from './name.ts';
import type { SessionId, UploadSession } from './sessions.ts';

export interface UploadStatus {
  readonly repository: RepositoryName;
  readonly id: SessionId;
  readonly startedAt: Date;
  /** Bytes that are durable so far. */
  readonly size: number;
}

/** A refusal that leaves the upload open, and says where it stands so that the client can go on. */
export class UploadRefusal extends RegistryError {
  readonly upload: UploadStatus;

  constructor(reason: 'chunkMalformed' | 'chunkOutOfOrder' | 'chunkSizeMismatch', upload: UploadStatus) {
    super(reason);
    this.upload = upload;
  }
}

/** What a client sends. */
export interface Body extends AsyncIterable<Uint8Array> {
  /**
   * All of it at once, if that is little and came whole: nobody changes these bytes. `undefined` for any other body, which is to be
   * read then.
   */
  whole?(): Promise<Uint8Array | undefined>;
}

/** What one request adds to an upload. */
export interface Chunk {
  readonly body: Body;
  /** Where the client says that the body stands: first and last byte (inclusive) within the whole upload. */
  readonly range?: { readonly start: number; readonly end: number } | 'malformed';
}

export function statusOf({ repository, id, startedAt, write }: UploadSession): UploadStatus {
  return { repository, id, startedAt, size: write.size };
}

/** How long the body has to be, where the client says so. A chunk that starts elsewhere than at the end is refused. */
export function announcedLength(session: UploadSession, { range }: Chunk): number | undefined {
  if (range === undefined) return undefined;
  if (range === 'malformed') throw new UploadRefusal('chunkMalformed', statusOf(session));
  if (range.start !== session.write.size) throw new UploadRefusal('chunkOutOfOrder', statusOf(session));
  return lengthOf(range);
}

/** How many bytes the client says there are, if it does and can be understood. */
export function lengthOf(range: Chunk['range']): number | undefined {
  return typeof range === 'object' ? range.end - range.start + 1 : undefined;
}
