// Sets of actions, and the words for them.
import { ACTIONS, type Action, type Caller } from '../caller.ts';
import { parseRepositoryPattern } from './patterns.ts';

/** One bit for each action. */
export type ActionSet = number;

export const ALL_ACTIONS: ActionSet = (1 << ACTIONS.length) - 1;

/** Words that stand for several actions. */
const SHORTHANDS: ReadonlyMap<string, ActionSet> = new Map([
  ['write', bitOf('push') | bitOf('overwrite')],
  ['all', ALL_ACTIONS],
]);

export const ACTION_WORDS: readonly string[] = [...ACTIONS, ...SHORTHANDS.keys()];

export function bitOf(action: Action): ActionSet {
  return 1 << ACTIONS.indexOf(action);
}

export function actionsOf(word: string): ActionSet | undefined {
  const action = ACTIONS.find((known) => known === word);
  return action === undefined ? SHORTHANDS.get(word) : bitOf(action);
}

/** What is allowed by allowing these: who may administer a repository may do everything in it. */
export function withImplied(actions: ActionSet): ActionSet {
  return (actions & bitOf('admin')) === 0 ? actions : ALL_ACTIONS;
}

/** Whether what the caller's secret is limited to has the action in it. A limit that cannot be read allows nothing. */
export function isWithinLimits(caller: Caller, action: Action, repository: string): boolean {
  if (caller.limits === undefined) return true;
  return caller.limits.some((limit) => {
    if (!limit.actions.includes(action) && !limit.actions.includes('admin')) return false;
    const pattern = parseRepositoryPattern(limit.repositories);
    return pattern.ok && pattern.value.matches(repository, caller);
  });
}
