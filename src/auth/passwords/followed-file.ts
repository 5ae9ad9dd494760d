// The entries of a password file as it is now. It may be edited in place, replaced, or swapped by a symbolic link, as Kubernetes
// does it; a part of it is never taken for the whole.
import type { BigIntStats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { createLooks, fileVersion } from '../file-looks.ts';
import { type PasswordEntries, PasswordEntryError, parsePasswordEntries } from './password-entries.ts';

export interface FollowedFile {
  /** Looks for a change if the last look is a second ago. A file that cannot be read or used leaves the entries as they were. */
  entries(): Promise<PasswordEntries>;
}

/** Why there is nobody to let in. The message is one line for whoever started the server. */
export class PasswordFileError extends Error {
  override readonly name = 'PasswordFileError';
}

interface Reading {
  /** Differs whenever the content may differ. */
  readonly version: string;
  readonly content: PasswordEntries;
}

const LOOK_EVERY_MS = 1000;
/** Who writes in place empties the file first, and may write in pieces: this long after the last one it is taken as whole. */
const SETTLED_AFTER_MS = 1000;
/** Room for 100,000 names, and an end for a path that names something else. */
const MAX_BYTES = 16 * 2 ** 20;

/** Reads the file for the first time. Throws PasswordFileError. */
export async function followPasswordFile(path: string, log: Logger, now: () => Date): Promise<FollowedFile> {
  let { version, content } = await read(path);
  const look = createLooks(LOOK_EVERY_MS, now, lookAgain);
  let told: string | undefined;

  return {
    async entries() {
      await look();
      return content;
    },
  };

  async function lookAgain(): Promise<void> {
    let found = 'nothing';
    try {
      const stats = await stat(path, { bigint: true });
      found = fileVersion(stats);
      if (found !== version && !isBeingWritten(stats)) await replace(found);
      if (found === version) told = undefined;
    } catch (error) {
      const failure = explain(path, error);
      // It is read again at every look, since what fails may not be the file itself; but each fault of each version is told once.
      const line = `${found} ${failure.message}`;
      if (line === told) return;
      told = line;
      log.error(
        { err: failure },
        'the password file has changed and cannot be used; the old one stays in force',
      );
    }
  }

  async function replace(found: string): Promise<void> {
    const reading = await read(path);
    if (reading.version !== found) return;
    ({ version, content } = reading);
    log.info({ path, users: content.hashes.size }, 'the password file has changed and was read again');
  }

  /** By the clock of the file system; one that differs from ours by more than this only loses the precaution. */
  function isBeingWritten({ mtimeMs, ctimeMs }: BigIntStats): boolean {
    return [mtimeMs, ctimeMs].some((ms) => Math.abs(now().getTime() - Number(ms)) < SETTLED_AFTER_MS);
  }
}

async function read(path: string): Promise<Reading> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    const before = await file.stat({ bigint: true });
    if (!before.isFile()) throw new PasswordFileError(`password file ${path} is not a file`);
    if (before.size > MAX_BYTES)
      throw new PasswordFileError(`password file ${path} is larger than ${MAX_BYTES} bytes`);
    const content = parsePasswordEntries(await file.readFile('utf8'));
    const after = await file.stat({ bigint: true });
    // Written to meanwhile: a version that no look finds again, so that the next one reads once more.
    return { version: fileVersion(before) === fileVersion(after) ? fileVersion(after) : 'torn', content };
  } catch (error) {
    throw explain(path, error);
  } finally {
    await file?.close();
  }
}

function explain(path: string, error: unknown): PasswordFileError {
  if (error instanceof PasswordFileError) return error;
  if (error instanceof PasswordEntryError) {
    return new PasswordFileError(`password file ${path}, ${error.message}`, { cause: error });
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  const problem =
    code === 'ENOENT'
      ? `does not exist; make it with: htpasswd -Bc ${path} <name>`
      : `cannot be read (${code})`;
  return new PasswordFileError(`password file ${path} ${problem}`, { cause: error });
}
