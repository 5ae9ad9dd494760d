// Patterns over the names of repositories, over tags, and over what claims say.
//
//   repositories  acme/app  acme/*  acme/**  */cache  team-*/app  ${user}/**
//                 `*` within one component, `**` any number of components, also none: `acme/**` has `acme` in it.
//                 `${user}` is the name of the account that asks; for everybody else such a pattern matches nothing.
//   tags          v*  [0-9]*.[0-9]*.?
//   claims        refs/heads/release/*  repo:acme/**    `*` stops at a slash, `**` does not
import { isRepositoryName } from '../../registry/name.ts';
import type { Caller } from '../caller.ts';
import { accepted, type Parsed, refused } from './parsed.ts';
import { literal, literalPrefix, matchesSteps, type Step } from './wildcards.ts';

export interface RepositoryPattern {
  /** Whether it means somebody else for each caller. */
  readonly isPersonal: boolean;
  /** The first component of every name that can match, where there is only one. */
  readonly firstComponent?: string;
  matches(repository: string, caller: Caller): boolean;
}

/** Whether a text matches as a whole. */
export type TextPattern = (text: string) => boolean;

const MAX_PATTERN_LENGTH = 256;
/** Longest text that is compared with a pattern of claims. */
const MAX_CLAIM_LENGTH = 1024;
/** Stands for the name of the account that asks. */
export const USER = `\${user}`;

export function parseRepositoryPattern(text: string): Parsed<RepositoryPattern> {
  if (text === '' || text.length > MAX_PATTERN_LENGTH) return refused(lengthProblem());
  const plain = text.replaceAll(USER, 'user');
  if (/[A-Z]/.test(plain)) return refused('has capital letters, which no repository name has');
  if (/[{}$]/.test(plain)) return refused(`knows no braces but ${USER}; give a list instead`);
  if (!/^[a-z0-9._/*-]+$/.test(plain))
    return refused(`may have only letters, digits, . _ - / * ** and ${USER}`);
  const components = plain.split('/');
  if (components.includes('')) return refused('has an empty component: a slash too many');
  if (components.some((component) => component !== '**' && component.includes('**')))
    return refused('may have ** only as a whole component');
  if (!plain.includes('*') && !isRepositoryName(plain)) return refused('is not the name of a repository');
  return accepted(text.includes(USER) ? personalPattern(text) : sharedPattern(text));
}

/** Besides `*`, a tag pattern may have `?` for one character and `[a-z0-9]` for one of some. */
export function parseTagPattern(text: string): Parsed<TextPattern> {
  if (text === '' || text.length > MAX_PATTERN_LENGTH) return refused(lengthProblem());
  const parts = text.match(/\[[^\]]*\]|[^[]/g) ?? [];
  if (parts.join('') !== text) return refused('has a [ without its ]');
  const steps: Step[] = [];
  for (const part of parts) {
    const step = tagStep(part);
    if (step === undefined)
      return refused('may have only letters, digits, . _ - * ? and classes such as [0-9a-f]');
    steps.push(step);
  }
  return accepted((tag) => matchesSteps(steps, tag));
}

/** A text that is longer than any sensible claim matches nothing. */
export function parseClaimPattern(text: string): Parsed<TextPattern> {
  if (text === '' || text.length > MAX_PATTERN_LENGTH) return refused(lengthProblem());
  if (text.includes('***')) return refused('has more than two * in a row');
  const steps = (text.match(/\*\*|[\s\S]/g) ?? []).flatMap((part): Step[] => {
    if (part === '**') return [{ kind: 'across' }];
    return part === '*' ? [{ kind: 'within' }] : literal(part);
  });
  return accepted((value) => value.length <= MAX_CLAIM_LENGTH && matchesSteps(steps, value));
}

/** The component under which an account finds repositories of its own; `undefined` if its name cannot be one. */
export function namespaceOf(caller: Caller): string | undefined {
  // A robot, a certificate or a token from outside with the same name is somebody else.
  if (caller.kind !== 'account' || caller.name.includes('/')) return undefined;
  return isRepositoryName(caller.name) ? caller.name : undefined;
}

function sharedPattern(text: string): RepositoryPattern {
  const matches = matcherOf(text);
  const [first = ''] = text.split('/');
  return {
    isPersonal: false,
    ...(!first.includes('*') && { firstComponent: first }),
    matches: (repository) => matches(repository),
  };
}

function personalPattern(text: string): RepositoryPattern {
  const needed = longestLiteral(text.replaceAll(USER, '*'));
  return {
    isPersonal: true,
    matches(repository, caller) {
      if (!repository.includes(needed)) return false;
      const namespace = namespaceOf(caller);
      return namespace !== undefined && matcherOf(text.replaceAll(USER, namespace))(repository);
    },
  };
}

function matcherOf(text: string): TextPattern {
  if (!text.includes('*')) return (repository) => repository === text;
  const steps = text
    .split('/')
    .flatMap((component): Step[] =>
      component === '**' ? [{ kind: 'components' }] : [...componentSteps(component), ...literal('/')],
    );
  const prefix = literalPrefix(steps);
  const needed = longestLiteral(text);
  // With a slash behind it a name is what the steps say: components that each end with one.
  if (steps.length === prefix.length + 1 && steps.at(-1)?.kind === 'components')
    return (repository) => beginsWith(repository, prefix);
  return (repository) =>
    beginsWith(repository, prefix) &&
    repository.includes(needed) &&
    matchesSteps(steps, `${repository}/`, prefix.length);
}

/** The longest text that is in every matching name: most patterns are ruled out by it at once. */
function longestLiteral(text: string): string {
  // The slash beside a double star may be missing.
  const literals = text.split(/\/?\*\*\/?|\*/);
  return literals.reduce((longest, each) => (each.length > longest.length ? each : longest), '');
}

/** Whether the name with a slash behind it begins so. */
function beginsWith(repository: string, prefix: string): boolean {
  if (prefix.length <= repository.length) return repository.startsWith(prefix);
  return prefix.length === repository.length + 1 && prefix.endsWith('/') && prefix.startsWith(repository);
}

function componentSteps(component: string): Step[] {
  return (component.match(/\*|[^*]+/g) ?? []).flatMap((part): Step[] =>
    part === '*' ? [{ kind: 'within' }] : literal(part),
  );
}

function tagStep(part: string): Step | undefined {
  if (part === '*') return { kind: 'within' };
  if (part === '?') return { kind: 'any' };
  if (/^[A-Za-z0-9._-]$/.test(part)) return { kind: 'character', code: part.charCodeAt(0) };
  const inner = /^\[((?:[A-Za-z0-9](?:-[A-Za-z0-9])?|[._])+-?)\]$/.exec(part)?.[1];
  if (inner === undefined) return undefined;
  const ranges = (inner.match(/.-.|./g) ?? []).map(
    (range) => [range.charCodeAt(0), range.charCodeAt(range.length - 1)] as const,
  );
  return ranges.every(([first, last]) => first <= last) ? { kind: 'oneOf', ranges } : undefined;
}

function lengthProblem(): string {
  return `must have 1 to ${MAX_PATTERN_LENGTH} characters`;
}
