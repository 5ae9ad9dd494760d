// The rules of a test as YAML.
import { parsePlainYaml } from '../../../config/plain-yaml.ts';

export function plainYaml(text: string): unknown {
  return parsePlainYaml(text, 'policy.yml');
}
