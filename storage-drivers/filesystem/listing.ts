// What is directly below a directory, in the words of the contract.
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ListEntry, ListOptions } from '../driver.ts';
import { isValidKey } from '../keys.ts';
import { isAbsence } from './errors.ts';

/** The entries of a directory that keys can name, sorted; none if there is no such directory. Throws system errors. */
export async function listDirectory(directory: string, options: ListOptions): Promise<ListEntry[]> {
  const { after, limit = Number.POSITIVE_INFINITY } = options;
  const entries = (await readEntries(directory))
    .filter(({ name }) => (after === undefined || name > after) && isValidKey(name))
    // Valid names are ASCII, so this is the order of their bytes.
    .sort((left, right) => (left.name < right.name ? -1 : 1));
  const listed: ListEntry[] = [];
  for (const entry of entries) {
    if (listed.length >= limit) break;
    const kind = await kindOf(directory, entry);
    if (kind !== undefined) listed.push({ name: entry.name, kind });
  }
  return listed;
}

async function readEntries(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (isAbsence(error)) return [];
    throw error;
  }
}

/** Links are followed, as they are when an object is read; undefined for what is neither a file nor a directory. */
async function kindOf(directory: string, entry: Dirent): Promise<ListEntry['kind'] | undefined> {
  if (entry.isFile()) return 'object';
  if (entry.isDirectory()) return 'prefix';
  if (!entry.isSymbolicLink()) return undefined;
  try {
    const target = await stat(join(directory, entry.name));
    if (target.isDirectory()) return 'prefix';
    return target.isFile() ? 'object' : undefined;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}
