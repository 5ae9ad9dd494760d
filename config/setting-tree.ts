// Settings as they were written: text, not yet read as anything, with the place each of them came from. A plain tree of
// values; a change gives a new tree. Keys are kept in Maps, so that no key means anything to the language.
import type { Origin } from './problem.ts';

export type SettingNode = NothingNode | TextNode | MapNode | ListNode;

/** YAML's null, or nothing behind the colon: the setting counts as not given. */
export interface NothingNode {
  readonly kind: 'nothing';
  readonly origin: Origin;
}

/** Any scalar, as it was spelled: what type it has is decided by the setting that it is for. */
export interface TextNode {
  readonly kind: 'text';
  readonly text: string;
  readonly origin: Origin;
}

export interface MapNode {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, SettingNode>;
  readonly origin: Origin;
}

export interface ListNode {
  readonly kind: 'list';
  readonly items: readonly SettingNode[];
  readonly origin: Origin;
}

/** Keys of maps and indexes of lists, from the root. */
export type SettingPath = readonly (string | number)[];

/** `health.http[0].uri`. */
export function describePath(path: SettingPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

export function emptyMap(origin: Origin): MapNode {
  return { kind: 'map', entries: new Map(), origin };
}

/** The node at a path, or undefined where the tree ends before. */
export function nodeAt(node: SettingNode | undefined, path: SettingPath): SettingNode | undefined {
  return path.reduce((at, step) => childOf(at, step), node);
}

/** Where the deepest existing part of a path was given: the best place to point at for something that is missing. */
export function originAt(node: SettingNode, path: SettingPath): Origin {
  const [step, ...rest] = path;
  const child = step === undefined ? undefined : childOf(node, step);
  return child === undefined ? node.origin : originAt(child, rest);
}

/** The tree with `value` at the path. What stood in the way (a text where a map is needed) is replaced. */
export function withNodeAt(
  node: SettingNode | undefined,
  path: SettingPath,
  value: SettingNode,
): SettingNode {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  const child = withNodeAt(childOf(node, step), rest, value);
  if (typeof step === 'number') {
    const items = node?.kind === 'list' ? [...node.items] : [];
    items[step] = child;
    return { kind: 'list', items, origin: node?.origin ?? value.origin };
  }
  const entries = new Map(node?.kind === 'map' ? node.entries : []);
  entries.set(step, child);
  return { kind: 'map', entries, origin: node?.origin ?? value.origin };
}

/** The map without some of its keys. */
export function withoutKeys(node: MapNode, keys: ReadonlySet<string>): MapNode {
  return { ...node, entries: new Map([...node.entries].filter(([key]) => !keys.has(key))) };
}

/** The tree as plain objects, lists and strings. Keys become own properties, whatever they are called. */
export function toPlain(node: SettingNode): unknown {
  switch (node.kind) {
    case 'nothing':
      return undefined;
    case 'text':
      return node.text;
    case 'list':
      return node.items.map(toPlain);
    case 'map':
      return Object.fromEntries([...node.entries].map(([key, value]) => [key, toPlain(value)]));
  }
}

function childOf(node: SettingNode | undefined, step: string | number): SettingNode | undefined {
  if (node?.kind === 'map' && typeof step === 'string') return node.entries.get(step);
  if (node?.kind === 'list' && typeof step === 'number') return node.items[step];
  return undefined;
}
