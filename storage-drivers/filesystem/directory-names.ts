// Reads the names in a directory. Those of a large one are remembered for as long as it surely has not changed, so that each
// page of a long list costs the page and not the list.
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';
import type { StillThere } from '../driver.ts';
import { isValidName } from '../keys.ts';
import { isAbsence } from './errors.ts';
import type { Sight } from './sightings.ts';
import { type NameKind, packNames, type SortedName, type SortedNames, sortNames } from './sorted-names.ts';

/** The names in a directory that keys can have; none if there is no such directory. Throws system errors. */
export type ReadNames = (directory: string) => Promise<SortedNames>;

/** With fewer names, to read them again costs hardly more than to look whether that is needed. */
const LARGE = 512;
/** Bytes of names that are remembered: a million and more of them. */
const REMEMBERED_BYTES = 32 * 1024 * 1024;

interface Reading<Names> {
  readonly names: Names;
  readonly stillThere: StillThere;
}

/** Without `sight` nothing is remembered. */
export function createDirectoryNames(sight: Sight | undefined): ReadNames {
  const remembered = new LRUCache<string, Reading<SortedNames>>({ maxSize: REMEMBERED_BYTES });
  const underWay = new Map<string, Reading<Promise<SortedNames>>>();
  return sight === undefined ? readNames : (directory) => recall(directory, sight);

  async function recall(directory: string, sight: Sight): Promise<SortedNames> {
    // A reading that began before the last change may lack it; one since then is as good as one of our own.
    for (const known of [remembered.get(directory), underWay.get(directory)]) {
      if (known?.stillThere()) return known.names;
    }
    remembered.delete(directory);
    const seen = sight(directory);
    if (seen === undefined) return readNames(directory);
    if (seen.isNothing) return sortNames([]);
    const { stillThere } = seen;
    const reading = { names: readNames(directory), stillThere };
    underWay.set(directory, reading);
    try {
      const names = await reading.names;
      if (names.length >= LARGE) remember(directory, names, stillThere);
      return names;
    } finally {
      if (underWay.get(directory) === reading) underWay.delete(directory);
    }
  }

  function remember(directory: string, names: SortedNames, stillThere: StillThere): void {
    const packed = packNames(names);
    remembered.set(directory, { names: packed, stillThere }, { size: packed.bytes + directory.length });
  }
}

async function readNames(directory: string): Promise<SortedNames> {
  const names: SortedName[] = [];
  for (const entry of await readEntries(directory)) {
    const kind = kindOf(entry);
    if (kind !== undefined && isValidName(entry.name)) names.push({ name: entry.name, kind });
  }
  return sortNames(names);
}

async function readEntries(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (isAbsence(error)) return [];
    throw error;
  }
}

/** `undefined` for what is neither a file nor a directory, nor may lead to one. */
function kindOf(entry: Dirent): NameKind | undefined {
  if (entry.isFile()) return 'object';
  if (entry.isDirectory()) return 'prefix';
  return entry.isSymbolicLink() ? 'link' : undefined;
}
