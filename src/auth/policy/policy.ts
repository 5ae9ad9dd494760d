// Who may do what where: an ordered list of rules, of which the first that speaks about an action decides. What no rule
// speaks about is not allowed.
//
//   rules:
//     - { repositories: 'prod/**', for: everyone, actions: [overwrite, delete], effect: deny }
//     - { repositories: '${user}/**', for: authenticated, actions: all }
//     - { repositories: 'acme/*', for: 'oidc:github', actions: [pull, write], when: repository_owner == acme }
//     - { repositories: 'public/**', for: everyone, actions: pull }
//   immutabletags:
//     - { repositories: '**', tags: 'v[0-9]*', except: '*-snapshot' }
//   groups:
//     release: [alice, bob]
import type { RepositoryName } from '../../registry/name.ts';
import type { Tag } from '../../registry/reference.ts';
import type { Action, Caller } from '../caller.ts';
import { bitOf, isWithinLimits } from './actions.ts';
import { coversTag, readImmutableTags } from './immutable-tags.ts';
import { createReader, type Nearest, type PolicyProblem, type Reader } from './reader.ts';
import { isAbout, type KnownNames, type Rule, readRule } from './rule.ts';
import { createRuleIndex } from './rule-index.ts';
import type { Members } from './subjects.ts';

export interface Policy {
  /** Whether the caller may do this in the repository, which need not exist. */
  may(caller: Caller, action: Action, repository: RepositoryName): boolean;
  /** Whether the tag, once it is there, is moved and deleted only by who may `admin` the repository. Absent: none is. */
  readonly isImmutable?: (repository: RepositoryName, tag: Tag) => boolean;
  /** Whether the caller may ask for catalog and search, which show what may be pulled. */
  mayList(caller: Caller): boolean;
}

export interface PolicyOptions {
  /** Groups that there are besides those of the policy itself; a rule for another one is a problem. Absent: not checked. */
  readonly knownGroups?: ReadonlySet<string>;
  /** Names of the OIDC issuers that are trusted; a rule for another one is a problem. Absent: not checked. */
  readonly knownIssuers?: ReadonlySet<string>;
  /** What holds when there are no `rules`, not even an empty list. Absent: there must be. */
  readonly withoutRules?: Policy;
  /** @default guesses nothing */
  readonly nearest?: Nearest;
}

/** The rules cannot be used. The message has every problem in it, one on a line; none quotes a value. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  readonly problems: readonly PolicyProblem[];

  constructor(problems: readonly PolicyProblem[], options?: ErrorOptions) {
    const head = problems.length === 1 ? 'The rules have a problem' : 'The rules have problems';
    const lines = problems.map(({ path, text }) => (path === '' ? `  ${text}` : `  ${path}: ${text}`));
    super([`${head}:`, ...lines].join('\n'), options);
    this.problems = problems;
  }
}

const KEYS = ['rules', 'immutabletags', 'groups'] as const;
const PULL = bitOf('pull');

/** Reads rules from what YAML or JSON or the configuration made of them; all problems at once. */
export function parsePolicy(value: unknown, options: PolicyOptions = {}): Policy | PolicyError {
  const problems: PolicyProblem[] = [];
  const reader = createReader(problems, options.nearest ?? (() => undefined));
  const settings = reader.readMap(value, '', KEYS);
  const members = readMembers(reader, settings?.groups);
  const known = {
    groups: options.knownGroups && new Set([...options.knownGroups, ...members.keys()]),
    issuers: options.knownIssuers,
  };
  const rules = settings && readRules(reader, settings.rules, known, options.withoutRules);
  const immutable = readAll(reader, settings?.immutabletags, 'immutabletags', readImmutableTags);
  if (problems.length > 0) return new PolicyError(problems);
  const decide = rules === undefined ? options.withoutRules : decideBy(rules, members);
  if (decide === undefined) throw new TypeError('neither rules nor what holds without them');
  return {
    may: decide.may,
    mayList: decide.mayList,
    ...(immutable.length > 0 && {
      isImmutable: (repository, tag) => immutable.some((entry) => coversTag(entry, repository, tag)),
    }),
  };
}

function decideBy(rules: readonly Rule[], members: Members): Pick<Policy, 'may' | 'mayList'> {
  const index = createRuleIndex(rules);
  const showsSomeone = rules.some(
    ({ allows, actions, subjects }) =>
      allows &&
      (actions & PULL) !== 0 &&
      subjects.some(({ kind }) => kind === 'anonymous' || kind === 'everyone'),
  );
  return {
    may(caller, action, repository) {
      if (!isWithinLimits(caller, action, repository)) return false;
      if (caller.isAdministrator === true) return true;
      const wanted = bitOf(action);
      const rule = index.first(
        repository,
        (each) => (each.actions & wanted) !== 0 && isAbout(each, caller, repository, members),
      );
      return rule?.allows === true;
    },
    mayList: (caller) => caller.kind !== 'anonymous' || showsSomeone,
  };
}

function readRules(
  reader: Reader,
  value: unknown,
  known: KnownNames,
  withoutRules: Policy | undefined,
): readonly Rule[] | undefined {
  if (value === undefined && withoutRules !== undefined) return undefined;
  if (value === undefined) reader.refuse('rules', 'must be given; [] allows nothing to anybody');
  return readAll(reader, value, 'rules', (_, rule, path) => readRule(reader, rule, path, known));
}

function readMembers(reader: Reader, value: unknown): Members {
  if (value === undefined) return new Map();
  return new Map(
    reader
      .readEntries(value, 'groups')
      .map(([name, users, path]) => [name, new Set(reader.readTexts(users, path).map(({ text }) => text))]),
  );
}

function readAll<T>(
  reader: Reader,
  value: unknown,
  path: string,
  read: (reader: Reader, value: unknown, path: string) => T | undefined,
): readonly T[] {
  if (value === undefined) return [];
  return reader.readList(value, path).flatMap(([item, place]) => {
    const found = read(reader, item, place);
    return found === undefined ? [] : [found];
  });
}
