// What is directly below a prefix, in the order of the contract.
//
// The store sorts whole keys, so that the prefix `app/` comes after `app-x` and `app.x` ("-" and "." sort before "/"); the
// contract sorts names, so that `app` comes before them. A page therefore may lack a prefix that the store has not come to
// yet. Those are few and known by name: they are asked for one by one.
import type { ListEntry, ListOptions } from '../driver.ts';
import { isValidKey } from '../keys.ts';
import type { Bucket } from './bucket.ts';

const PAGE_LENGTH = 1000;

/** The entries below a prefix (`''` for the root). Throws the SDK's errors. */
export async function listPrefix(
  bucket: Bucket,
  prefix: string,
  { after, limit = Number.POSITIVE_INFINITY }: ListOptions,
): Promise<ListEntry[]> {
  const base = prefix === '' ? '' : `${prefix}/`;
  const kinds = new Map<string, ListEntry['kind']>();
  let position = '';
  let from: string | undefined;
  do {
    const page = await bucket.page(base, {
      delimiter: '/',
      // The store may show a name that is before `after`, and one that is not a name.
      limit: Math.min(limit + 2, PAGE_LENGTH),
      ...(after !== undefined && { after: `${base}${after}` }),
      from,
    });
    for (const key of page.keys) note(key.slice(base.length), 'object');
    for (const key of page.prefixes) note(key.slice(base.length, -1), 'prefix');
    position = [position, lastOf(page.keys), lastOf(page.prefixes)].reduce(later);
    from = page.next;
  } while (from !== undefined && kinds.size < limit);
  if (from !== undefined) await noteSkipped();
  return sorted().slice(0, limit);

  function note(name: string, kind: ListEntry['kind']): void {
    if ((after !== undefined && name <= after) || !isValidKey(name)) return;
    if (kinds.get(name) !== 'object') kinds.set(name, kind);
  }

  function sorted(): ListEntry[] {
    return [...kinds]
      .map(([name, kind]) => ({ name, kind }))
      .sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  /** Adds the prefixes that belong among the names found so far, but which the store has after its last one. */
  async function noteSkipped(): Promise<void> {
    const last = position.slice(base.length);
    const ends = [...last.matchAll(/[-.]/g)].map(({ index }) => last.slice(0, index));
    const candidates = ends.filter((name) => !kinds.has(name) && (after === undefined || name > after));
    await Promise.all(
      candidates.filter(isValidKey).map(async (name) => {
        const { keys } = await bucket.page(`${base}${name}/`, { limit: 1 });
        if (keys.length > 0) note(name, 'prefix');
      }),
    );
  }
}

function lastOf(keys: readonly string[]): string {
  return keys.at(-1) ?? '';
}

function later(left: string, right: string): string {
  return left > right ? left : right;
}
