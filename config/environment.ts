// REGISTRY_* variables over a setting tree, by the rules of the `registry` image: names split at `_`, parents before what is
// below them, values read as YAML, numbers as indexes of lists. Where the image breaks off or looks away although it is
// plain what was meant, the variable works here.
import { setSetting } from './choices.ts';
import type { KnownKey, KnownSection } from './known-keys.ts';
import type { Finding, Origin } from './problem.ts';
import { nodeAt, type SettingNode, type SettingPath } from './setting-tree.ts';
import { describeUnknownVariable, type Environment, settingVariables, splitName } from './variables.ts';
import { parseYaml } from './yaml.ts';

export interface AppliedEnvironment {
  readonly tree: SettingNode;
  readonly problems: readonly Finding[];
  readonly warnings: readonly Finding[];
}

/** Lists that the image knows in its variables by another name than in its file. */
const LIST_NAMES = new Map([
  ['FILECHECKERS', 'file'],
  ['HTTPCHECKERS', 'http'],
  ['TCPCHECKERS', 'tcp'],
]);
/** Sections of which the same is true. */
const SECTION_NAMES = new Map([['EVENTCONFIG', 'events']]);

/**
 * Sets what the environment says about the known keys. A name that is none of them is a warning, except below `storage` and
 * `auth`: there it would name a driver or a way to log in, and going on without it could be unsafe. It is left in the tree
 * for the check of the keys.
 */
export function applyEnvironment(
  start: SettingNode,
  environment: Environment,
  known: KnownSection,
): AppliedEnvironment {
  const problems: Finding[] = [];
  const warnings: Finding[] = [];
  let tree = start;

  for (const [name, value] of settingVariables(environment)) {
    const origin: Origin = { kind: 'variable', name };
    const target = findTarget(known, tree, splitName(name));
    if (target === undefined) {
      warnings.push({ key: '', origin, text: describeUnknownVariable(name, known) });
      continue;
    }
    if ('problem' in target) {
      problems.push({ key: '', origin, text: target.problem });
      continue;
    }
    const read = readValue(value, target.key, origin);
    if ('problems' in read) {
      problems.push(...read.problems);
      continue;
    }
    const changed = setSetting(tree, target.path, read.node, known);
    tree = changed.tree;
    warnings.push(...changed.warnings);
  }
  return { tree, problems, warnings };
}

type Target = { readonly path: SettingPath; readonly key: KnownKey } | { readonly problem: string };

/** Follows the parts of a name through the known keys. Undefined: there is no such setting. */
function findTarget(
  key: KnownKey,
  node: SettingNode | undefined,
  parts: readonly string[],
): Target | undefined {
  const [part, ...rest] = parts;
  if (part === undefined) return { path: [], key };
  switch (key.kind) {
    case 'section':
      return findInSection(key, node, part, rest);
    case 'list':
      return findInList(key.item, node, part, rest);
    case 'map':
      return findInMap(key.value, node, parts);
    case 'elsewhere':
      return { path: [parts.join('_').toLowerCase()], key };
    case 'value':
      return undefined;
  }
}

function findInSection(
  section: KnownSection,
  node: SettingNode | undefined,
  part: string,
  rest: readonly string[],
): Target | undefined {
  const written = findName(section, part);
  const child = written === undefined ? undefined : section.keys.get(written);
  if (written !== undefined && child !== undefined) {
    return below(written, findTarget(child, nodeAt(node, [written]), rest));
  }
  if (section.choices === undefined || part === '') return undefined;
  return { path: [part.toLowerCase()], key: { kind: 'value' } };
}

function findName(section: KnownSection, part: string): string | undefined {
  const list = LIST_NAMES.get(part);
  if (list !== undefined && section.keys.get(list)?.kind === 'list') return list;
  const inner = SECTION_NAMES.get(part);
  if (inner !== undefined && section.keys.get(inner)?.kind === 'section') return inner;
  return [...section.keys.keys()].find((name) => name.toUpperCase() === part);
}

function findInList(
  item: KnownKey,
  node: SettingNode | undefined,
  part: string,
  rest: readonly string[],
): Target | undefined {
  if (!/^\d{1,6}$/.test(part)) return undefined;
  const index = Number(part);
  const length = node?.kind === 'list' ? node.items.length : 0;
  if (index > length)
    return { problem: `the list has ${length} entries so far; the next index is ${length}` };
  return below(index, findTarget(item, nodeAt(node, [index]), rest));
}

/** The keys of a map are the user's: everything that is left of the name is one, but for an index behind a list's. */
function findInMap(
  value: KnownKey,
  node: SettingNode | undefined,
  parts: readonly string[],
): Target | undefined {
  const indexed = value.kind === 'list' && parts.length > 1 && /^\d+$/.test(parts.at(-1) ?? '');
  const own = (indexed ? parts.slice(0, -1) : parts).join('_');
  if (own === '') return undefined;
  const existing = node?.kind === 'map' ? [...node.entries.keys()] : [];
  const spelled = existing.find((name) => name.toUpperCase() === own.toUpperCase());
  const name = spelled ?? (own === own.toUpperCase() ? own.toLowerCase() : own);
  return below(name, findTarget(value, nodeAt(node, [name]), indexed ? parts.slice(-1) : []));
}

function below(step: string | number, target: Target | undefined): Target | undefined {
  return target === undefined || 'problem' in target ? target : { ...target, path: [step, ...target.path] };
}

/**
 * A value as YAML. Where the setting is a single value, what YAML cannot read as one is the value itself: `[::]:5000`. Where
 * it is a list of values, one is enough.
 */
function readValue(
  value: string,
  key: KnownKey,
  origin: Origin,
): { readonly node: SettingNode } | { readonly problems: readonly Finding[] } {
  const yaml = parseYaml(value, () => origin);
  if (key.kind === 'value' && (!yaml.ok || yaml.tree.kind === 'map' || yaml.tree.kind === 'list')) {
    return { node: { kind: 'text', text: value.trim(), origin } };
  }
  if (!yaml.ok) return { problems: yaml.problems };
  const single = yaml.tree.kind === 'text' && key.kind === 'list' && key.item.kind === 'value';
  return { node: single ? { kind: 'list', items: [yaml.tree], origin } : yaml.tree };
}
