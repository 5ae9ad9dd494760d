// The names in a directory, sorted; also packed, so that many of them cost little memory and the collector nothing.

/** A link has to be followed each time: what it leads to changes without its directory. */
export type NameKind = 'object' | 'prefix' | 'link';

export interface SortedName {
  readonly name: string;
  readonly kind: NameKind;
}

export interface SortedNames {
  readonly length: number;
  /** `undefined` outside of the list. */
  at(index: number): SortedName | undefined;
}

/** What a packed list takes in memory is `bytes`. */
export interface PackedNames extends SortedNames {
  readonly bytes: number;
}

const KINDS: readonly NameKind[] = ['object', 'prefix', 'link'];

/** Sorts the names in place. They have to be ASCII, so that this is the order of their bytes. */
export function sortNames(names: SortedName[]): SortedNames {
  names.sort((left, right) => (left.name < right.name ? -1 : 1));
  return { length: names.length, at: (index) => names[index] };
}

/** The same list, in three pieces of memory however long it is. */
export function packNames(names: SortedNames): PackedNames {
  const { length } = names;
  const ends = new Uint32Array(length);
  const kinds = new Uint8Array(length);
  const texts: string[] = [];
  let end = 0;
  for (let index = 0; index < length; index += 1) {
    const { name, kind } = names.at(index) ?? { name: '', kind: 'object' };
    texts.push(name);
    end += name.length;
    ends[index] = end;
    kinds[index] = KINDS.indexOf(kind);
  }
  const text = Buffer.from(texts.join(''), 'latin1');
  return {
    length,
    bytes: text.length + ends.byteLength + kinds.byteLength,
    at(index) {
      const kind = KINDS[kinds[index] ?? KINDS.length];
      if (kind === undefined) return undefined;
      return { name: text.toString('latin1', ends[index - 1] ?? 0, ends[index]), kind };
    },
  };
}

/** Where the names after this one begin, whether it is among them or not. */
export function indexAfter(names: SortedNames, name: string): number {
  let [from, to] = [0, names.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    const found = names.at(middle);
    if (found !== undefined && found.name <= name) from = middle + 1;
    else to = middle;
  }
  return from;
}
