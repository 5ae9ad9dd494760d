// Makes one configuration of its sources: the defaults, under a YAML file, under what the caller overrides, under the
// REGISTRY_* variables. All problems come in one error.
import { checkKeys } from './check-keys.ts';
import { setSetting } from './choices.ts';
import { applyEnvironment } from './environment.ts';
import type { ConfigurationFile } from './file.ts';
import { type KnownSection, knownKeys } from './known-keys.ts';
import {
  ConfigurationError,
  describeFinding,
  describeOrigin,
  type Finding,
  type Origin,
  showKey,
} from './problem.ts';
import { type Configuration, configurationSchema } from './schema.ts';
import {
  describePath,
  emptyMap,
  nodeAt,
  originAt,
  type SettingNode,
  toPlain,
  withNodeAt,
  withoutKeys,
} from './setting-tree.ts';
import type { Environment } from './variables.ts';
import { findWithoutEffect } from './without-effect.ts';
import { parseYaml } from './yaml.ts';

export interface ConfigurationSources {
  /** A config.yml. Without one everything has its default. */
  readonly file?: ConfigurationFile | undefined;
  /** The environment of the process; everything that does not begin with `REGISTRY_` is left alone. */
  readonly environment: Environment;
  /** Other values than the defaults, by dotted key, for a caller that knows better: over the file, under the environment. */
  readonly overrides?: Readonly<Record<string, string | number | boolean>> | undefined;
}

export interface LoadedConfiguration {
  readonly configuration: Configuration;
  /** One line each, for people. None contains a value. */
  readonly warnings: readonly string[];
}

const CALLER: Origin = { kind: 'caller' };

/** Loads a configuration. Throws `ConfigurationError`, which names every problem with its key and the place of the key. */
export function loadConfiguration(sources: ConfigurationSources): LoadedConfiguration {
  const known = knownKeys();
  const file = parseFile(sources.file);
  const overridden = applyOverrides(file.tree, sources.overrides ?? {}, known);
  const environment = applyEnvironment(overridden, sources.environment, known);
  const renamed = renameLogLevel(environment.tree);
  const checked = checkKeys(renamed.tree, known);

  const problems = [...file.problems, ...environment.problems, ...checked.problems];
  // Code for a schema pays when it is run often; a configuration is read once.
  const parsed = configurationSchema.safeParse(toPlain(checked.tree), { jitless: true });
  if (!parsed.success) {
    const reported = new Set(problems.map(({ key }) => key));
    const found = parsed.error.issues.map((issue) => describeIssue(issue, checked.tree));
    problems.push(...found.filter(({ key }) => !reported.has(key)));
  }
  if (!parsed.success || problems.length > 0) throw new ConfigurationError(describeOnce(problems));
  const idle = findWithoutEffect(checked.tree, parsed.data);
  const warnings = [...environment.warnings, ...renamed.warnings, ...checked.warnings, ...idle];
  return { configuration: parsed.data, warnings: describeOnce(warnings) };
}

/** The settings of the file, as they are written there. With a broken file: none, so that the variables are still checked. */
function parseFile(file: ConfigurationFile | undefined): {
  readonly tree: SettingNode;
  readonly problems: readonly Finding[];
} {
  const none = withNodeAt(emptyMap(CALLER), ['version'], { kind: 'text', text: '0.1', origin: CALLER });
  if (file === undefined) return { tree: none, problems: [] };
  const originOf = (line: number): Origin => ({ kind: 'file', path: file.path, line });
  const yaml = parseYaml(file.text, originOf);
  if (!yaml.ok) return { tree: none, problems: yaml.problems };
  if (yaml.tree.kind !== 'map') {
    const text = 'must be a map of settings that begins with version: 0.1';
    return { tree: none, problems: [{ key: '', origin: yaml.tree.origin, text }] };
  }
  return { tree: yaml.tree, problems: [] };
}

function applyOverrides(
  tree: SettingNode,
  overrides: NonNullable<ConfigurationSources['overrides']>,
  known: KnownSection,
): SettingNode {
  return Object.entries(overrides).reduce((changed, [key, value]) => {
    const node: SettingNode = { kind: 'text', text: String(value), origin: CALLER };
    return setSetting(changed, key.split('.'), node, known).tree;
  }, tree);
}

/** The old top-level `loglevel` counts where `log.level` is not given. */
function renameLogLevel(tree: SettingNode): {
  readonly tree: SettingNode;
  readonly warnings: readonly Finding[];
} {
  const old = nodeAt(tree, ['loglevel']);
  if (tree.kind !== 'map' || old?.kind !== 'text' || old.text === '') return { tree, warnings: [] };
  const rest = withoutKeys(tree, new Set(['loglevel']));
  const level = nodeAt(rest, ['log', 'level']);
  if (level?.kind === 'text' && level.text !== '') {
    const text = `without effect, since log.level is given (${describeOrigin(level.origin)}); remove it`;
    return { tree: rest, warnings: [{ key: 'loglevel', origin: old.origin, text }] };
  }
  return { tree: withNodeAt(rest, ['log', 'level'], old), warnings: [] };
}

function describeIssue(
  issue: { readonly path: readonly PropertyKey[]; readonly message: string },
  tree: SettingNode,
): Finding {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
  const shown = path.map((step) => (typeof step === 'number' ? step : showKey(step)));
  return { key: describePath(shown), origin: originAt(tree, path), text: issue.message };
}

function describeOnce(findings: readonly Finding[]): string[] {
  return [...new Set(findings.map(describeFinding))];
}
