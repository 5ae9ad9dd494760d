// YAML as the rules take it: maps, lists and texts, by way of the configuration's own reader.
import { ConfigurationError, describeFinding } from '../../../config/problem.ts';
import type { SettingNode } from '../../../config/setting-tree.ts';
import { parseYaml } from '../../../config/yaml.ts';

export function plainYaml(text: string): unknown {
  const parsed = parseYaml(text, (line) => ({ kind: 'file', path: 'policy.yml', line }));
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
