// Upload sessions remembered in the storage itself, in the form of the `registry` image plus a note of our own. What one
// process alone needs, and what lets an upload go on after a restart or in the other server.
import { z } from 'zod';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { orAbsent } from '../registry/content.ts';
import { isDigest } from '../registry/digest.ts';
import { upload, uploadData, uploadStartedAt, uploadState } from '../registry/layout.ts';
import type { UploadSession, UploadSessions } from '../registry/sessions.ts';

const noteSchema = z.object({
  write: z.object({ size: z.int().nonnegative(), detail: z.json().optional() }),
  digest: z.string().refine(isDigest).optional(),
});
type Note = z.infer<typeof noteSchema>;

export function createStorageSessions(driver: StorageDriver): UploadSessions {
  async function read<T>(key: string, parse: (content: Uint8Array) => T | undefined): Promise<T | undefined> {
    const content = await orAbsent(driver.read(key));
    return content === undefined ? undefined : parse(content);
  }

  return {
    async create({ repository, id, startedAt }) {
      await driver.write(uploadStartedAt(repository, id), Buffer.from(formatStartedAt(startedAt)));
    },

    async find(repository, id): Promise<UploadSession | undefined> {
      const key = uploadData(repository, id);
      const [startedAt, note, data] = await Promise.all([
        read(uploadStartedAt(repository, id), parseStartedAt),
        read(uploadState(repository, id), parseNote),
        orAbsent(driver.stat(key)),
      ]);
      if (startedAt === undefined) return undefined;
      return { id, repository, startedAt, ...progressOf(key, note, data?.size) };
    },

    async save({ repository, id, write: { size, detail }, digest }) {
      const note = {
        write: { size, ...(detail !== undefined && { detail }) },
        ...(digest && { digest }),
      };
      // Lost with a power cut, it costs reading the upload once more.
      await driver.write(uploadState(repository, id), Buffer.from(JSON.stringify(note)), { durable: false });
    },

    async remove({ repository, id }) {
      // What a power cut brings back is purged like any upload that nobody finishes.
      await driver.delete(upload(repository, id), { durable: false });
      await driver.delete(uploadState(repository, id), { durable: false });
    },
  };
}

/**
 * How far an upload is. Where the store shows staged bytes, as a directory does, they overrule the note: the other server may
 * have added to them, or a crash have come in between. Elsewhere the note is all there is.
 */
function progressOf(
  key: string,
  note: Note | undefined,
  visibleSize: number | undefined,
): Pick<UploadSession, 'write' | 'digest'> {
  if (note === undefined || (visibleSize !== undefined && visibleSize !== note.write.size)) {
    return { write: { key, size: visibleSize ?? 0 } };
  }
  const { size, detail } = note.write;
  const write = { key, size, ...(detail !== undefined && { detail }) };
  return { write, ...(note.digest && { digest: note.digest }) };
}

/** RFC 3339 in UTC with seconds, as the `registry` image writes and reads it. */
function formatStartedAt(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** When an upload began; `undefined` for a file that a crash left empty or torn. */
export function parseStartedAt(content: Uint8Array): Date | undefined {
  const date = new Date(Buffer.from(content).toString('latin1').trim());
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function parseNote(content: Uint8Array): Note | undefined {
  try {
    return noteSchema.safeParse(JSON.parse(Buffer.from(content).toString())).data;
  } catch {
    return undefined;
  }
}
