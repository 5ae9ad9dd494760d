// Every key that a configuration may have, as a tree: what the schema offers, joined with what the `registry` image knows
// and Berth does not offer. Both the check of a file and the names of variables are read off it.
import { z } from 'zod';
import { AUTH_SCHEMES } from './auth.ts';
import { NOT_OFFERED, type NotOffered } from './not-offered.ts';
import { configurationSchema } from './schema.ts';

export type KnownKey = KnownSection | KnownMap | KnownList | KnownValue | KnownElsewhere;

/** A map with the keys that are listed, and no others. */
export interface KnownSection {
  readonly kind: 'section';
  readonly keys: ReadonlyMap<string, KnownKey>;
  /** Whether the schema has the section; otherwise all of its keys are elsewhere. */
  readonly offered: boolean;
  /**
   * For a section that chooses by the name of a key (`storage: {inmemory: {}}`): the names to choose from. Such a section may
   * be shortened to the name alone (`storage: inmemory`), and a name counts even when nothing stands behind it.
   */
  readonly choices?: ReadonlySet<string>;
}

/** A map with keys of the user's own. */
export interface KnownMap {
  readonly kind: 'map';
  readonly value: KnownKey;
}

export interface KnownList {
  readonly kind: 'list';
  readonly item: KnownKey;
}

export interface KnownValue {
  readonly kind: 'value';
}

/** A key that the `registry` image knows and Berth does not offer; anything may stand below it. */
export interface KnownElsewhere {
  readonly kind: 'elsewhere';
  readonly row: NotOffered;
}

/** The tree of all known keys. The legacy `loglevel` is in it as a value. */
export function knownKeys(): KnownSection {
  const offered = keysOf(configurationSchema);
  if (offered.kind !== 'section') throw new TypeError('the schema of a configuration is not an object');
  const all = withKey(offered, ['loglevel'], { kind: 'value' });
  const joined = NOT_OFFERED.reduce(
    (tree, row) => withKey(tree, row.key.split('.'), { kind: 'elsewhere', row }),
    all,
  );
  return withChoices(withChoices(joined, 'storage', storageDrivers(offered)), 'auth', new Set(AUTH_SCHEMES));
}

/** Every key below, written out: `http.addr`, `health.http[].uri`, `log.fields`. */
export function listKeys(key: KnownKey, prefix = ''): readonly string[] {
  switch (key.kind) {
    case 'section': {
      const below = [...key.keys].flatMap(([name, child]) =>
        listKeys(child, prefix === '' ? name : `${prefix}.${name}`),
      );
      return prefix === '' ? below : [prefix, ...below];
    }
    case 'list':
      return key.item.kind === 'section' ? [prefix, ...listKeys(key.item, `${prefix}[]`).slice(1)] : [prefix];
    default:
      return [prefix];
  }
}

/** The keys of a zod schema, through whatever wraps its objects, lists and records. */
export function keysOf(schema: unknown): KnownKey {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return keysOf(schema.unwrap());
  }
  if (schema instanceof z.ZodPipe) return keysOf(schema.in);
  if (schema instanceof z.ZodArray) return { kind: 'list', item: keysOf(schema.element) };
  if (schema instanceof z.ZodRecord) return { kind: 'map', value: keysOf(schema.valueType) };
  if (!(schema instanceof z.ZodObject)) return { kind: 'value' };
  const keys = Object.entries(schema.shape).map(([name, child]): [string, KnownKey] => [name, keysOf(child)]);
  return { kind: 'section', keys: new Map(keys), offered: true };
}

function withKey(section: KnownSection, path: readonly string[], key: KnownKey): KnownSection {
  const [name, ...rest] = path;
  if (name === undefined) return section;
  const existing = section.keys.get(name);
  const inner: KnownSection =
    existing?.kind === 'section' ? existing : { kind: 'section', keys: new Map(), offered: false };
  const child = rest.length === 0 ? key : withKey(inner, rest, key);
  return { ...section, keys: new Map([...section.keys, [name, child]]) };
}

function withChoices(root: KnownSection, name: string, choices: ReadonlySet<string>): KnownSection {
  const section = root.keys.get(name);
  if (section?.kind !== 'section') throw new TypeError(`${name} is not a section`);
  return { ...root, keys: new Map([...root.keys, [name, { ...section, choices }]]) };
}

function storageDrivers(offered: KnownSection): ReadonlySet<string> {
  const storage = offered.keys.get('storage');
  const names = storage?.kind === 'section' ? [...storage.keys.keys()] : [];
  const own = names.filter((name) => !['delete', 'maintenance', 'redirect', 'tag'].includes(name));
  return new Set([...own, ...namedBelow('storage')]);
}

function namedBelow(section: string): readonly string[] {
  return NOT_OFFERED.filter((row) => row.when === 'named' && row.key.startsWith(`${section}.`)).map((row) =>
    row.key.slice(section.length + 1),
  );
}
