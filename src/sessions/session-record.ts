// What is remembered of an upload session, wherever that is: its start, in the form of the `registry` image, and a note on
// how far it is.
import { z } from 'zod';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { orAbsent } from '../registry/content.ts';
import { isDigest } from '../registry/digest.ts';
import { uploadStartedAt } from '../registry/layout.ts';
import type { RepositoryName } from '../registry/name.ts';
import type { SessionId, UploadSession } from '../registry/sessions.ts';

export const noteSchema = z.object({
  startedAt: z
    .string()
    .transform((text) => parseStartedAt(Buffer.from(text)))
    .optional(),
  write: z.object({
    size: z.int().nonnegative(),
    target: z.string().optional(),
    holds: z.int().nonnegative().optional(),
    held: z
      .base64()
      .transform((text) => Buffer.from(text, 'base64'))
      .optional(),
    detail: z.json().optional(),
  }),
  digest: z.string().refine(isDigest).optional(),
  disputed: z.literal(true).optional(),
});

/** How far a session is: when it began, its staged write, the digest of what was written, and whether somebody else may be writing. */
export type Note = z.infer<typeof noteSchema>;

const DOT = 46;
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

export function formatNote({ startedAt, write, digest, disputed }: UploadSession): string {
  const { size, target, holds, held, detail } = write;
  const bytes = held && Buffer.from(held.buffer, held.byteOffset, held.length).toString('base64');
  return JSON.stringify({ startedAt, write: { size, target, holds, held: bytes, detail }, digest, disputed });
}

/** The note; `undefined` for one that is torn. */
export function parseNote(content: Uint8Array): Note | undefined {
  try {
    return noteSchema.safeParse(JSON.parse(Buffer.from(content).toString())).data;
  } catch {
    return undefined;
  }
}

/**
 * How far an upload is. Where the store shows staged bytes, as a directory does, they overrule the note: the other server may
 * have added to them, or a crash have come in between. Elsewhere the note is all there is. Bytes that no note speaks of are
 * those of somebody who may not be finished with them.
 */
export function progressOf(
  key: string,
  note: Note | undefined,
  visibleSize: number | undefined,
): Pick<UploadSession, 'write' | 'digest' | 'disputed'> {
  if (note === undefined || (visibleSize !== undefined && visibleSize !== note.write.size)) {
    return { write: { key, size: visibleSize ?? 0 }, disputed: true };
  }
  const { size, target, holds, held, detail } = note.write;
  const write = {
    key,
    size,
    ...(target !== undefined && { target }),
    ...(holds !== undefined && { holds }),
    ...(held !== undefined && { held }),
    ...(detail !== undefined && { detail }),
  };
  return {
    write,
    ...(note.digest && { digest: note.digest }),
    ...(note.disputed && { disputed: note.disputed }),
  };
}

/**
 * Writes when an upload began, durably: RFC 3339 in UTC, as the `registry` image reads it. With a fraction of a second where bytes
 * are about to come: where such a start is found without them, they have become a blob already.
 */
export async function writeStartedAt(
  driver: StorageDriver,
  { repository, id, startedAt }: UploadSession,
  bytes: 'none' | 'coming',
): Promise<void> {
  const exact = startedAt.toISOString();
  const text = bytes === 'coming' ? exact : exact.replace(/\.\d+Z$/, 'Z');
  // A torn start is none, and nobody asks for it before it is written: it need not be written aside first.
  await driver.write(uploadStartedAt(repository, id), Buffer.from(text), { fresh: true });
}

export interface Start {
  readonly startedAt: Date;
  /** Bytes came before it was found without any. */
  readonly hadBytes: boolean;
}

/** When an upload began; `undefined` if there is none, or its file is torn. */
export async function readStartedAt(
  driver: StorageDriver,
  repository: RepositoryName,
  id: SessionId,
): Promise<Start | undefined> {
  const content = await orAbsent(driver.read(uploadStartedAt(repository, id)));
  const startedAt = content && parseStartedAt(content);
  return startedAt && { startedAt, hadBytes: content.includes(DOT) };
}

/** When an upload began; `undefined` for a file that a crash left empty or torn. */
export function parseStartedAt(content: Uint8Array): Date | undefined {
  const text = Buffer.from(content).toString('latin1').trim();
  // Date reads the torn `2026-11-` as well.
  const date = new Date(RFC_3339.test(text) ? text : Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
