// YAML files beside the configuration, such as rules: maps, lists and texts, read as strictly as the configuration itself.
import { ConfigurationError, describeFinding } from './problem.ts';
import type { SettingNode } from './setting-tree.ts';
import { parseYaml } from './yaml.ts';

/** Reads the text of the file at `path`. Throws ConfigurationError, which names the lines and quotes nothing. */
export function parsePlainYaml(text: string, path: string): unknown {
  const parsed = parseYaml(text, (line) => ({ kind: 'file', path, line }));
  if (!parsed.ok) throw new ConfigurationError(parsed.problems.map(describeFinding));
  return plain(parsed.tree);
}

function plain(node: SettingNode): unknown {
  switch (node.kind) {
    case 'nothing':
      return null;
    case 'text':
      return node.text;
    case 'list':
      return node.items.map(plain);
    case 'map':
      return Object.fromEntries([...node.entries].map(([key, value]) => [key, plain(value)]));
  }
}
