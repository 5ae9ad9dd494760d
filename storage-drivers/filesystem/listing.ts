// What is directly below a directory, in the words of the contract.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ListEntry, ListOptions } from '../driver.ts';
import type { ReadNames } from './directory-names.ts';
import { isAbsence } from './errors.ts';
import { indexAfter, type SortedName } from './sorted-names.ts';

/** The entries of a directory that keys can name, sorted; none if there is no such directory. Throws system errors. */
export async function listDirectory(
  directory: string,
  { after, limit = Number.POSITIVE_INFINITY }: ListOptions,
  readNames: ReadNames,
): Promise<ListEntry[]> {
  const names = await readNames(directory);
  const listed: ListEntry[] = [];
  for (let index = after === undefined ? 0 : indexAfter(names, after); listed.length < limit; index += 1) {
    const found = names.at(index);
    if (found === undefined) break;
    const kind = found.kind === 'link' ? await kindBehind(directory, found) : found.kind;
    if (kind !== undefined) listed.push({ name: found.name, kind });
  }
  return listed;
}

/** Links are followed, as they are when an object is read; undefined for one to neither a file nor a directory. */
async function kindBehind(directory: string, { name }: SortedName): Promise<ListEntry['kind'] | undefined> {
  try {
    const target = await stat(join(directory, name));
    if (target.isDirectory()) return 'prefix';
    return target.isFile() ? 'object' : undefined;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}
