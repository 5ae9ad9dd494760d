// What a password file says: the form of `htpasswd -B`, as the `registry` image reads it. Unlike there, what could never let
// anybody in is an error and not a user who wonders.
import { type BcryptHash, BcryptHashError, costOf, parseBcryptHash } from './bcrypt-hash.ts';

export interface PasswordEntries {
  readonly hashes: ReadonlyMap<string, BcryptHash>;
  /** The cost of every hash, in the order of the file. */
  readonly costs: readonly number[];
}

/** Which line of a password file is wrong, and how; without its hash. */
export class PasswordEntryError extends Error {
  override readonly name = 'PasswordEntryError';
}

const MAX_NAME_LENGTH = 255;

/**
 * Reads `name:hash` lines. Spaces around a line, blank lines and lines that start with `#` do not count; the name ends at the
 * first colon; of several lines for one name the last one counts. Throws PasswordEntryError.
 */
export function parsePasswordEntries(text: string): PasswordEntries {
  const hashes = new Map<string, BcryptHash>();
  for (const [index, line] of text.split('\n').entries()) {
    const entry = line.trim();
    if (entry === '' || entry.startsWith('#')) continue;
    const [name, hash] = parseEntry(entry, index + 1);
    hashes.set(name, hash);
  }
  return { hashes, costs: [...hashes.values()].map(costOf) };
}

function parseEntry(entry: string, line: number): [name: string, hash: BcryptHash] {
  const colon = entry.indexOf(':');
  if (colon === -1) throw new PasswordEntryError(`line ${line}: it has no colon after the name`);
  const name = entry.slice(0, colon);
  const problem = problemWithName(name);
  if (problem !== undefined) throw new PasswordEntryError(`line ${line}: ${problem}`);
  try {
    return [name, parseBcryptHash(entry.slice(colon + 1))];
  } catch (error) {
    if (!(error instanceof BcryptHashError)) throw error;
    throw new PasswordEntryError(`line ${line}: ${error.message}`, { cause: error });
  }
}

function problemWithName(name: string): string | undefined {
  // Clients that have no credentials send an empty name and an empty password.
  if (name === '') return 'its name is empty';
  if (name.length > MAX_NAME_LENGTH) return `its name is longer than ${MAX_NAME_LENGTH} characters`;
  if (/\ufffd/.test(name)) return 'its name is not UTF-8';
  if (/\p{C}|\p{Zl}|\p{Zp}/u.test(name)) return 'its name has characters that cannot be printed';
  return undefined;
}
