// Scopes: what a token is asked for, as clients write it (Docker token specification, "scope").
import { RegistryError } from '../../registry/errors.ts';
import { ACTIONS, type Action } from '../caller.ts';

export interface Scope {
  readonly type: 'repository' | 'registry';
  /** As it was asked for: it need not be the name of any repository. */
  readonly name: string;
  /** Words that are known here, each once: actions, or `*` for all of them. */
  readonly actions: readonly ScopeAction[];
}

export type ScopeAction = Action | '*' | 'search';

/** For what may be listed: the catalog, and what `docker search` asks for. */
export const CATALOG: Scope = { type: 'registry', name: 'catalog', actions: ['*'] };

const MAX_SCOPES = 64;
/** Of one scope, in characters: a name has at most 255. */
const MAX_LENGTH = 512;
const WORDS: readonly ScopeAction[] = [...ACTIONS, '*', 'search'];

/**
 * Reads scopes from parameters that may be repeated, and may hold several with spaces in between. Scopes for the same
 * resource become one. Types and actions that are not known are left out, as the specification asks for.
 * Throws `parameterInvalid` for more scopes, or longer ones, than any client has a use for.
 */
export function parseScopes(parameters: readonly string[]): readonly Scope[] {
  const texts = parameters.flatMap((parameter) => splitWords(parameter));
  if (texts.length > MAX_SCOPES) throw new RegistryError('parameterInvalid', { detail: 'too many scopes' });
  const found = new Map<string, Scope>();
  for (const scope of texts.map(parseScope)) {
    if (scope === undefined) continue;
    const key = `${scope.type}:${scope.name}`;
    const actions = new Set([...(found.get(key)?.actions ?? []), ...scope.actions]);
    found.set(key, { ...scope, actions: [...actions] });
  }
  return [...found.values()];
}

/** As in a challenge: `repository:a/b:pull,push registry:catalog:*`. */
export function formatScopes(scopes: readonly Scope[]): string {
  return scopes.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`).join(' ');
}

/** The type of a resource without its class: `repository(plugin)` is a repository. */
export function resourceType(text: string): Scope['type'] | undefined {
  const [, type] = /^(repository|registry)(?:\([a-z0-9]{1,32}\))?$/.exec(text) ?? [];
  return type === 'repository' || type === 'registry' ? type : undefined;
}

function splitWords(parameter: string): readonly string[] {
  if (parameter.length > MAX_SCOPES * MAX_LENGTH) {
    throw new RegistryError('parameterInvalid', { detail: 'scope is too long' });
  }
  return parameter.split(' ').filter((word) => word !== '');
}

/** A name may hold a port (`localhost:5000/app`), so the actions begin after the last colon. */
function parseScope(text: string): Scope | undefined {
  if (text.length > MAX_LENGTH) throw new RegistryError('parameterInvalid', { detail: 'scope is too long' });
  const first = text.indexOf(':');
  const last = text.lastIndexOf(':');
  if (last <= first + 1) return undefined;
  const type = resourceType(text.slice(0, first));
  const words = new Set(text.slice(last + 1).split(','));
  const actions = WORDS.filter((word) => words.has(word));
  if (type === undefined || actions.length === 0) return undefined;
  return { type, name: text.slice(first + 1, last), actions };
}
