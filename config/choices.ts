// Sections that choose by the name of a key: `storage` and `auth`.
import type { KnownSection } from './known-keys.ts';
import { type Finding, type Origin, showKey } from './problem.ts';
import {
  type MapNode,
  nodeAt,
  type SettingNode,
  type SettingPath,
  withNodeAt,
  withoutKeys,
} from './setting-tree.ts';

/** Drivers that have two names. */
const OTHER_NAMES = new Map([
  ['s3', 's3aws'],
  ['s3aws', 's3'],
]);

/** `storage: inmemory` as what it is short for, `storage: {inmemory: }`. Other nodes as they are. */
export function openChoice(node: SettingNode, section: KnownSection): SettingNode {
  if (section.choices === undefined || node.kind !== 'text' || node.text === '') return node;
  const chosen: SettingNode = { kind: 'nothing', origin: node.origin };
  return { kind: 'map', entries: new Map([[node.text, chosen]]), origin: node.origin };
}

/** The tree with one setting changed. `storage: inmemory` is opened when something is set below it, other drivers go. */
export function setSetting(
  tree: SettingNode,
  path: SettingPath,
  value: SettingNode,
  known: KnownSection,
): { readonly tree: SettingNode; readonly warnings: readonly Finding[] } {
  const [name, choice] = path;
  const section = typeof name === 'string' ? known.keys.get(name) : undefined;
  const existing = nodeAt(tree, path.slice(0, 1));
  if (
    section?.kind !== 'section' ||
    section.choices === undefined ||
    existing === undefined ||
    typeof choice !== 'string'
  ) {
    return { tree: withNodeAt(tree, path, value), warnings: [] };
  }
  const opened = openChoice(existing, section);
  if (name !== 'storage' || opened.kind !== 'map') {
    return { tree: withNodeAt(withNodeAt(tree, path.slice(0, 1), opened), path, value), warnings: [] };
  }
  const { storage, warnings } = replaceDrivers(opened, section.choices, choice, value.origin);
  return { tree: withNodeAt(withNodeAt(tree, ['storage'], storage), path, value), warnings };
}

interface ReplacedDrivers {
  readonly storage: MapNode;
  readonly warnings: readonly Finding[];
}

/**
 * The `storage` section before a variable or the caller (`by`) sets something below the driver `name`. Other drivers go:
 * the `registry` image breaks off here. One that a variable named stays, because two variables that contradict each other
 * are a mistake, which the check of the keys reports.
 */
function replaceDrivers(
  storage: MapNode,
  drivers: ReadonlySet<string>,
  name: string,
  by: Origin,
): ReplacedDrivers {
  if (!drivers.has(name)) return { storage, warnings: [] };
  const renamed = withDriverCalled(storage, name);
  const others = [...renamed.entries].filter(([key]) => key !== name && drivers.has(key));
  const replaced = others.filter(([, node]) => lastOrigin(node).kind !== 'variable');
  const warnings = replaced
    .filter(([, node]) => node.origin.kind === 'file')
    .map(([key, node]) => ({
      key: `storage.${showKey(key)}`,
      origin: node.origin,
      text: `replaced by the storage driver ${name}, which ${by.kind === 'variable' ? by.name : 'the caller'} names`,
    }));
  return { storage: withoutKeys(renamed, new Set(replaced.map(([key]) => key))), warnings };
}

/** The section with a driver under the name that is used for it now, so that what it was given by the other one counts. */
function withDriverCalled(storage: MapNode, name: string): MapNode {
  const other = OTHER_NAMES.get(name);
  const node = other === undefined ? undefined : storage.entries.get(other);
  if (other === undefined || node === undefined || storage.entries.has(name)) return storage;
  const rest = withoutKeys(storage, new Set([other]));
  return { ...rest, entries: new Map([...rest.entries, [name, node]]) };
}

function lastOrigin(node: SettingNode): Origin {
  if (node.kind !== 'map') return node.origin;
  const inner = [...node.entries.values()].map(lastOrigin).find((origin) => origin.kind === 'variable');
  return inner ?? node.origin;
}
