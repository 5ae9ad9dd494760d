// What a token says may be done: its `access` claim, and the permit that this makes.
import { isRepositoryName, type RepositoryName } from '../../registry/name.ts';
import { ACTIONS, type Action, type Caller } from '../caller.ts';
import type { Permit } from '../permit.ts';
import { isObject } from './decoded-token.ts';
import { resourceType } from './scope.ts';

/** One entry of the claim. */
export interface Grant {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

export interface Access {
  readonly repositories: ReadonlyMap<string, ReadonlySet<Action>>;
  readonly mayList: boolean;
}

/**
 * Reads the claim; absent, nothing is allowed, which is what a login asks for. `undefined` for one that is malformed.
 * @param actionsOf what a word of an entry allows; words that are not known allow nothing
 */
export function parseAccess(
  claim: unknown,
  actionsOf: (word: string) => readonly Action[],
): Access | undefined {
  const entries: unknown = claim ?? [];
  if (!Array.isArray(entries) || !entries.every(isGrant)) return undefined;
  const repositories = new Map<string, Set<Action>>();
  let mayList = false;
  for (const { type, name, actions } of entries) {
    const known = resourceType(type);
    if (known === 'registry' && name === 'catalog')
      mayList ||= actions.some((word) => LISTING.includes(word));
    if (known !== 'repository' || !isRepositoryName(name)) continue;
    const allowed = repositories.get(name) ?? new Set();
    for (const action of actions.flatMap(actionsOf)) allowed.add(action);
    repositories.set(name, allowed);
  }
  return { repositories, mayList };
}

/**
 * The permit that a token is. One that allows to list names the catalog and no repository in it, so what a list shows is a
 * question of its own.
 * @param shows what a list may show beyond what the token allows to pull
 */
export function permitOfAccess(
  caller: Caller,
  { repositories, mayList }: Access,
  shows: (repository: RepositoryName) => boolean,
): Permit {
  const may = (action: Action, repository: RepositoryName) =>
    repositories.get(repository)?.has(action) ?? false;
  return {
    caller,
    may,
    mayList,
    couldBeBetter: true,
    maySee: (repository) => may('pull', repository) || (mayList && shows(repository)),
  };
}

/** In the tokens of this registry each word is one action. */
export function ownActions(word: string): readonly Action[] {
  return ACTIONS.filter((action) => action === word);
}

/** Other token servers know no `overwrite`: with them, `push` is everything that a `docker push` does. */
export function commonActions(word: string): readonly Action[] {
  if (word === '*') return ACTIONS;
  return word === 'push'
    ? ['push', 'overwrite']
    : ACTIONS.filter((one) => one === word && COMMON.includes(one));
}

const COMMON: readonly Action[] = ['pull', 'push', 'delete'];
const LISTING: readonly string[] = ['*', 'search'];

function isGrant(value: unknown): value is Grant {
  if (!isObject(value)) return false;
  const { type, name, actions } = value;
  return (
    typeof type === 'string' &&
    typeof name === 'string' &&
    Array.isArray(actions) &&
    actions.every((action) => typeof action === 'string')
  );
}
