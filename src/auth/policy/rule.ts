// One rule: who may, or may not, do what and where.
import type { Caller } from '../caller.ts';
import { ACTION_WORDS, type ActionSet, actionsOf, withImplied } from './actions.ts';
import type { Condition } from './condition.ts';
import { parseCondition } from './condition-parser.ts';
import { parseRepositoryPattern, type RepositoryPattern } from './patterns.ts';
import type { PlacedText, Reader } from './reader.ts';
import { isMeant, type Members, parseSubject, type Subject } from './subjects.ts';

export interface Rule {
  readonly allows: boolean;
  readonly actions: ActionSet;
  readonly subjects: readonly Subject[];
  readonly repositories: readonly RepositoryPattern[];
  readonly condition?: Condition;
}

/** Names that rules may use. Absent: any. */
export interface KnownNames {
  readonly groups?: ReadonlySet<string> | undefined;
  readonly issuers?: ReadonlySet<string> | undefined;
}

const KEYS = ['repositories', 'for', 'actions', 'effect', 'when'] as const;

/** Reads one rule and notes its problems; `undefined` if there is no rule in it. */
export function readRule(reader: Reader, value: unknown, path: string, known: KnownNames): Rule | undefined {
  const settings = reader.readMap(value, path, KEYS);
  if (settings === undefined) return undefined;
  const allows = readEffect(reader, settings.effect, `${path}.effect`);
  const actions = readActions(reader, settings.actions, `${path}.actions`);
  const subjects = readSubjects(reader, settings.for, `${path}.for`, known);
  const repositories = readRepositories(reader, settings.repositories, `${path}.repositories`);
  const condition = readCondition(reader, settings.when, `${path}.when`, { allows, subjects });
  return {
    allows,
    actions: allows ? withImplied(actions) : actions,
    subjects,
    repositories,
    ...(condition && { condition }),
  };
}

export function readRepositories(reader: Reader, value: unknown, path: string): readonly RepositoryPattern[] {
  return reader.readTexts(value, path).flatMap(({ text, path: place }) => {
    const pattern = parseRepositoryPattern(text);
    if (pattern.ok) return [pattern.value];
    reader.refuse(place, pattern.problem);
    return [];
  });
}

/** Whether the rule speaks about this caller in this repository, whatever the action. */
export function isAbout(rule: Rule, caller: Caller, repository: string, members: Members): boolean {
  if (!rule.subjects.some((subject) => isMeant(subject, caller, members))) return false;
  if (!rule.repositories.some((pattern) => pattern.matches(repository, caller))) return false;
  if (rule.condition === undefined) return true;
  const answer = rule.condition(caller.claims ?? {});
  return rule.allows ? answer === 'true' : answer !== 'false';
}

function readEffect(reader: Reader, value: unknown, path: string): boolean {
  if (value === 'deny') return false;
  if (value !== undefined && value !== 'allow') reader.refuse(path, 'must be allow or deny');
  return true;
}

function readActions(reader: Reader, value: unknown, path: string): ActionSet {
  return reader.readTexts(value, path).reduce((set, { text, path: place }) => {
    const actions = actionsOf(text);
    if (actions === undefined)
      reader.refuse(place, `must be one of ${ACTION_WORDS.join(', ')}${reader.suggest(text, ACTION_WORDS)}`);
    return set | (actions ?? 0);
  }, 0);
}

function readSubjects(reader: Reader, value: unknown, path: string, known: KnownNames): readonly Subject[] {
  return reader.readTexts(value, path).flatMap((placed) => {
    const subject = parseSubject(placed.text);
    if (!subject.ok) {
      reader.refuse(placed.path, subject.problem);
      return [];
    }
    checkKnown(reader, placed, subject.value, known);
    return [subject.value];
  });
}

function checkKnown(reader: Reader, { path }: PlacedText, subject: Subject, known: KnownNames): void {
  if (subject.kind === 'group') check(known.groups, 'a group');
  if (subject.kind === 'oidc') check(known.issuers, 'an OIDC issuer');

  function check(names: ReadonlySet<string> | undefined, what: string): void {
    if (names === undefined || !('name' in subject) || names.has(subject.name)) return;
    const hint = reader.suggest(subject.name, names, `${subject.kind}:`);
    reader.refuse(path, `names ${what} that does not exist${hint}`);
  }
}

function readCondition(
  reader: Reader,
  value: unknown,
  path: string,
  { allows, subjects }: Pick<Rule, 'allows' | 'subjects'>,
): Condition | undefined {
  if (value === undefined) {
    // Forgotten, or cut off with the end of a file, it would open a repository to every user of a public issuer.
    if (allows && subjects.some(({ kind }) => kind === 'oidc'))
      reader.refuse(path, 'must be given for oidc:; `always` means every token of the issuer');
    return undefined;
  }
  if (typeof value !== 'string') {
    reader.refuse(path, 'must be a text');
    return undefined;
  }
  if (!subjects.every(({ kind }) => kind === 'oidc' || kind === 'certificate'))
    reader.refuse(path, 'is possible only where all of `for` is oidc: or certificate:, who have claims');
  const condition = parseCondition(value);
  if (condition.ok) return condition.value;
  reader.refuse(path, condition.problem);
  return undefined;
}
