// What one request may do. Decided by name alone, before anything is looked up: so a refusal tells nobody what there is.
import type { RepositoryName } from '../registry/name.ts';
import type { Action, Caller } from './caller.ts';

export interface Permit {
  readonly caller: Caller;
  /** Whether the action is allowed in the repository, which need not exist. */
  may(action: Action, repository: RepositoryName): boolean;
  /** Whether catalog and search may be asked for at all. */
  readonly mayList: boolean;
  /** Whether catalog and search may show the repository. */
  maySee(repository: RepositoryName): boolean;
  /**
   * Whether credentials of another kind or scope could allow more: nothing was presented, or a token with a limited scope.
   * Refusals are 401 with a challenge then, else 403.
   */
  readonly couldBeBetter: boolean;
}

/** The permit of a registry that asks nobody. */
export function unlimited(caller: Caller): Permit {
  return { caller, may: () => true, mayList: true, maySee: () => true, couldBeBetter: false };
}
