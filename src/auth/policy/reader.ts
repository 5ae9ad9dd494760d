// Reads rules that were parsed from YAML or JSON, or came with the configuration. Nothing stops at the first problem: each
// is noted with the place where it stands, and none quotes a value.

export interface PolicyProblem {
  /** Such as `rules[2].for`. Empty for the whole. */
  readonly path: string;
  readonly text: string;
}

/** The candidate that somebody meant who typed the word, if one is near enough. */
export type Nearest = (word: string, candidates: Iterable<string>) => string | undefined;

export interface PlacedText {
  readonly text: string;
  readonly path: string;
}

export interface Reader {
  refuse(path: string, text: string): void;
  /** The settings of a map that has no other keys than these; `undefined` if it is none. */
  readMap<K extends string>(value: unknown, path: string, keys: readonly K[]): Settings<K> | undefined;
  /** A map with keys of the user's own. */
  readEntries(
    value: unknown,
    path: string,
  ): readonly (readonly [key: string, value: unknown, path: string])[];
  /** The items of a list with their places. */
  readList(value: unknown, path: string): readonly (readonly [value: unknown, path: string])[];
  /** One text, or a list of at least one. */
  readTexts(value: unknown, path: string): readonly PlacedText[];
  /** `; did you mean x?` or nothing. */
  suggest(word: string, candidates: Iterable<string>, before?: string): string;
}

export type Settings<K extends string> = { readonly [key in K]: unknown };

/** Most entries of one list or map. */
const MAX_ENTRIES = 10_000;

export function createReader(problems: PolicyProblem[], nearest: Nearest): Reader {
  function refuse(path: string, text: string): void {
    problems.push({ path, text });
  }

  function suggest(word: string, candidates: Iterable<string>, before = ''): string {
    const near = nearest(word, candidates);
    return near === undefined ? '' : `; did you mean ${before}${near}?`;
  }

  function readEntries(value: unknown, path: string): (readonly [string, unknown, string])[] {
    if (!isMap(value)) {
      refuse(path, 'must be a map');
      return [];
    }
    const entries = Object.entries(value);
    if (entries.length > MAX_ENTRIES) refuse(path, `has more than ${MAX_ENTRIES} entries`);
    return entries
      .slice(0, MAX_ENTRIES)
      .map(([key, inner]) => [key, inner, path === '' ? showKey(key) : `${path}.${showKey(key)}`]);
  }

  function readList(value: unknown, path: string): (readonly [unknown, string])[] {
    if (!Array.isArray(value)) {
      refuse(path, 'must be a list');
      return [];
    }
    if (value.length > MAX_ENTRIES) refuse(path, `has more than ${MAX_ENTRIES} items`);
    return value.slice(0, MAX_ENTRIES).map((item: unknown, index) => [item, `${path}[${index}]`]);
  }

  return {
    refuse,
    suggest,
    readEntries,
    readList,

    readMap<K extends string>(value: unknown, path: string, keys: readonly K[]) {
      const known: readonly string[] = keys;
      const entries = readEntries(value, path);
      for (const [key, , place] of entries) {
        if (known.includes(key)) continue;
        const hint = suggest(key, keys);
        refuse(place, `unknown key${hint === '' ? `; known here are ${keys.join(', ')}` : hint}`);
      }
      if (!isMap(value)) return undefined;
      const given = new Map<string, unknown>(entries.map(([key, inner]) => [key, inner]));
      return Object.fromEntries(keys.map((key) => [key, given.get(key)])) as Settings<K>;
    },

    readTexts(value, path) {
      if (value === undefined || value === null) {
        refuse(path, 'must be given');
        return [];
      }
      if (typeof value === 'string') return [{ text: value, path }];
      const items = readList(value, path);
      if (Array.isArray(value) && value.length === 0) refuse(path, 'must not be empty');
      return items.flatMap(([text, place]) => {
        if (typeof text === 'string') return [{ text, path: place }];
        refuse(place, 'must be a text');
        return [];
      });
    },
  };
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A key as it may be shown: whoever forgets a space after a colon has made a key of a value. */
function showKey(key: string): string {
  const plain = /^[A-Za-z0-9_-]{0,40}/.exec(key)?.[0] ?? '';
  return plain === key && key !== '' ? key : `${plain}…`;
}
