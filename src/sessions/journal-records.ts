// What a journal (journal.ts) looks like: records, one behind the other, and zeros.
//
//   bytes 0-3    CRC-32 of all that follows in the record
//   bytes 4-7    length of the head in bytes
//   bytes 8-11   length of the bytes behind it
//   then         the head, as JSON: {"id":…,"repository":…,"startedAt":…} for how far a session is, {"id":…} for its end
//   then         all bytes of the session
//
// Numbers are little-endian. What is written is durable before anything behind it is: behind a record that is not whole there is
// none that was answered. What the bytes say is their client's affair, so they are never searched for a record.
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { isRepositoryName, type RepositoryName } from '../registry/name.ts';
import { isSessionId, type SessionId } from '../registry/sessions.ts';
import { parseStartedAt } from './session-record.ts';

/** How far a session is; without anything but its id, that it has ended. */
export interface JournalRecord {
  readonly id: SessionId;
  readonly state?: {
    readonly repository: RepositoryName;
    readonly startedAt: Date;
    readonly bytes: Uint8Array;
  };
}

const HEADER = 12;
const NO_BYTES = new Uint8Array(0);

const headSchema = z.object({
  id: z.string().refine(isSessionId),
  repository: z.string().refine(isRepositoryName).optional(),
  startedAt: z
    .string()
    .transform((text) => parseStartedAt(Buffer.from(text)))
    .optional(),
});

/** The record in pieces, of which the last one is the bytes of the session as they are. */
export function formatRecord({ id, state }: JournalRecord): readonly Uint8Array[] {
  // Nothing in it has to be escaped.
  const head =
    state === undefined
      ? `{"id":"${id}"}`
      : `{"id":"${id}","repository":"${state.repository}","startedAt":"${state.startedAt.toISOString()}"}`;
  const bytes = state?.bytes ?? NO_BYTES;
  const beginning = Buffer.allocUnsafe(HEADER + head.length);
  beginning.writeUInt32LE(head.length, 4);
  beginning.writeUInt32LE(bytes.length, 8);
  beginning.write(head, HEADER, 'latin1');
  beginning.writeUInt32LE(crc32(bytes, crc32(beginning.subarray(4))), 0);
  return bytes.length === 0 ? [beginning] : [beginning, bytes];
}

/** The records up to the first one that is not whole. */
export function* parseRecords(content: Buffer): Generator<JournalRecord> {
  for (let rest = content; rest.length >= HEADER; ) {
    const headEnd = HEADER + rest.readUInt32LE(4);
    const end = headEnd + rest.readUInt32LE(8);
    if (end > rest.length || crc32(rest.subarray(4, end)) !== rest.readUInt32LE(0)) return;
    const { data } = headSchema.safeParse(parseJson(rest.toString('latin1', HEADER, headEnd)));
    if (data === undefined) return;
    const { id, repository, startedAt } = data;
    if (repository === undefined || startedAt === undefined) yield { id };
    else yield { id, state: { repository, startedAt, bytes: rest.subarray(headEnd, end) } };
    rest = rest.subarray(end);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
