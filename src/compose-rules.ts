// The rules of a configuration: those of `auth.policy` itself, or of the file that it names.
import type { Logger } from 'pino';
import { nearest } from '../config/nearest.ts';
import { parsePlainYaml } from '../config/plain-yaml.ts';
import { ConfigurationError } from '../config/problem.ts';
import type { Configuration } from '../config/schema.ts';
import { type Policy, PolicyError, type PolicyOptions, parsePolicy } from './auth/policy/policy.ts';
import { watchPolicyFile } from './auth/policy/policy-file.ts';

type Auth = Configuration['auth'];
export type KnownNames = Pick<PolicyOptions, 'knownGroups' | 'knownIssuers'>;

export interface OpenRules {
  /** Those that hold now. */
  current(): Policy;
  stop(): void;
}

export interface RulesDependencies {
  /** What holds without `auth.policy`, and where that has no rules of its own. */
  readonly withoutRules: Policy;
  /** What rules may name; asked again when a file changes. */
  readonly known: () => Promise<KnownNames>;
  readonly log: Logger;
}

/** Throws PolicyError. */
export async function openRules(
  { policy }: Pick<Auth, 'policy'>,
  { withoutRules, known, log }: RulesDependencies,
): Promise<OpenRules> {
  if (policy === undefined) return unchanging(withoutRules);
  const { path } = policy;
  if (path !== undefined) {
    return watchPolicyFile({
      path,
      log,
      parseText: (text) => parseLines(text, path),
      options: async () => ({ ...(await known()), nearest }),
    });
  }
  const parsed = parsePolicy(policy, { ...(await known()), withoutRules, nearest });
  if (parsed instanceof PolicyError) throw parsed;
  return unchanging(parsed);
}

/** What is known of names without looking into the storage: the groups of accounts that are kept there are not. */
export function knownToConfiguration({ scheme }: Pick<Auth, 'scheme'>): KnownNames {
  if (scheme.name === 'berth') return { knownIssuers: new Set(scheme.oidc.map(({ name }) => name)) };
  return { knownGroups: new Set(), knownIssuers: new Set() };
}

/** One line for each problem, which names the setting. */
export function describePolicyError({ problems }: PolicyError): string {
  return problems
    .map(({ path, text }) => `auth.policy: ${path === '' ? text : `${path}: ${text}`}`)
    .join('\n');
}

function unchanging(policy: Policy): OpenRules {
  return { current: () => policy, stop: () => undefined };
}

/** All that is wrong with the YAML in one line: it becomes one problem of the file. */
function parseLines(text: string, path: string): unknown {
  try {
    return parsePlainYaml(text, path);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const lines = error.problems.map((problem) => problem.replace(`${path}:`, 'line '));
    throw new Error(lines.join('; '), { cause: error });
  }
}
