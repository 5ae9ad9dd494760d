// Compares a setting tree with the known keys. What is left afterwards has the shape that the schema takes: only keys that
// it offers, maps and lists where it has them, texts elsewhere. Whether the texts are good is the schema's business.
import { openChoice } from './choices.ts';
import { type KnownElsewhere, type KnownKey, type KnownSection, listKeys } from './known-keys.ts';
import { nearest } from './nearest.ts';
import { type Finding, showKey } from './problem.ts';
import { parseFlag } from './scalars.ts';
import { describePath, emptyMap, type MapNode, type SettingNode, type SettingPath } from './setting-tree.ts';

export interface CheckedKeys {
  readonly tree: MapNode;
  readonly problems: readonly Finding[];
  readonly warnings: readonly Finding[];
}

/** Checks all keys of a tree. Settings that were not given (null, an empty text) are left out, so that defaults apply. */
export function checkKeys(tree: SettingNode, known: KnownSection): CheckedKeys {
  const problems: Finding[] = [];
  const warnings: Finding[] = [];
  const allKeys = listKeys(known);

  function check(node: SettingNode, key: KnownKey, path: SettingPath): SettingNode | undefined {
    switch (key.kind) {
      case 'elsewhere':
        return checkElsewhere(node, key, path);
      case 'section':
        return checkSection(node, key, path);
      case 'map':
        return checkMap(node, key.value, path);
      case 'list':
        return checkList(node, key.item, path);
      case 'value':
        if (isNotGiven(node)) return undefined;
        return node.kind === 'text' ? node : refuse(node, path, 'must be a single value, not a list or map');
    }
  }

  function checkSection(
    node: SettingNode,
    section: KnownSection,
    path: SettingPath,
  ): SettingNode | undefined {
    const opened = openChoice(node, section);
    if (isNotGiven(opened)) return section.offered ? emptyMap(opened.origin) : undefined;
    if (opened.kind !== 'map') return refuse(opened, path, 'must be a map of settings');
    const checked = checkEntries(opened, path, (name) => section.keys.get(name), section);
    return section.offered ? checked : undefined;
  }

  function checkMap(node: SettingNode, value: KnownKey, path: SettingPath): SettingNode | undefined {
    if (isNotGiven(node)) return undefined;
    if (node.kind !== 'map') return refuse(node, path, 'must be a map of names to values');
    return checkEntries(node, path, (name) => (name === '__proto__' ? undefined : value));
  }

  function checkEntries(
    node: MapNode,
    path: SettingPath,
    find: (name: string) => KnownKey | undefined,
    section?: KnownSection,
  ): MapNode {
    const entries = new Map<string, SettingNode>();
    for (const [name, child] of node.entries) {
      const key = find(name);
      const checked =
        key === undefined
          ? refuse(child, [...path, showKey(name)], describeUnknown(name, path, section))
          : check(child, key, [...path, showKey(name)]);
      if (checked !== undefined) entries.set(name, checked);
    }
    return { ...node, entries };
  }

  function checkList(node: SettingNode, item: KnownKey, path: SettingPath): SettingNode | undefined {
    if (isNotGiven(node)) return undefined;
    if (node.kind === 'text' && item.kind === 'value')
      return { kind: 'list', items: [node], origin: node.origin };
    if (node.kind !== 'list') return refuse(node, path, 'must be a list');
    const items = node.items.map((child, index) => {
      if (item.kind === 'value' && isNotGiven(child)) refuse(child, [...path, index], 'must not be empty');
      return check(child, item, [...path, index]) ?? { kind: 'nothing' as const, origin: child.origin };
    });
    return { ...node, items };
  }

  function checkElsewhere(node: SettingNode, { row }: KnownElsewhere, path: SettingPath): undefined {
    if (row.effect === 'accepted' || !applies(row.when, node)) return;
    const finding = { key: describePath(path), origin: deepestOrigin(node) };
    if (row.effect === 'error')
      problems.push({ ...finding, text: `not offered yet by Berth; ${row.advice}` });
    else warnings.push({ ...finding, text: `not offered by Berth and without effect; ${row.advice}` });
  }

  function refuse(node: SettingNode, path: SettingPath, text: string): undefined {
    problems.push({ key: describePath(path), origin: node.origin, text });
  }

  function describeUnknown(name: string, path: SettingPath, section: KnownSection | undefined): string {
    if (section === undefined) return 'is not possible as a name';
    const elsewhere = allKeys.filter((key) => key === name || key.endsWith(`.${name}`));
    if (elsewhere.length > 0 && elsewhere.length <= 3)
      return `unknown key; did you mean ${elsewhere.join(' or ')}?`;
    const near = nearest(name, section.keys.keys());
    if (near !== undefined) return `unknown key; did you mean ${describePath([...path, near])}?`;
    const offered = [...section.keys].filter(([, key]) => key.kind !== 'elsewhere').map(([own]) => own);
    return offered.length === 0
      ? 'unknown key; none is possible here'
      : `unknown key; known here are ${offered.join(', ')}`;
  }

  const checked = check(tree, known, []);
  return { tree: checked?.kind === 'map' ? checked : emptyMap(tree.origin), problems, warnings };
}

function applies(when: KnownElsewhere['row']['when'], node: SettingNode): boolean {
  if (when === 'named') return true;
  if (when === 'set') return !isBlank(node);
  if (when === 'on') return !isBlank(node) && !(node.kind === 'text' && parseFlag(node.text) === false);
  return node.kind === 'text' && node.text.toLowerCase() === when.value;
}

function isNotGiven(node: SettingNode): boolean {
  return node.kind === 'nothing' || (node.kind === 'text' && node.text === '');
}

/** Whether there is no value anywhere below. */
function isBlank(node: SettingNode): boolean {
  switch (node.kind) {
    case 'nothing':
    case 'text':
      return isNotGiven(node);
    case 'list':
      return node.items.length === 0;
    case 'map':
      return [...node.entries.values()].every(isBlank);
  }
}

/** The variable that a subtree was set by, rather than the line of a section that it was added to. */
function deepestOrigin(node: SettingNode): SettingNode['origin'] {
  const only = node.kind === 'map' && node.entries.size === 1 ? [...node.entries.values()][0] : undefined;
  return only !== undefined && only.origin.kind === 'variable' ? deepestOrigin(only) : node.origin;
}
