// Query parameters, which anybody may send twice.
import { RegistryError } from '../registry/errors.ts';
import type { RequestContext } from './context.ts';

/** The one value of a parameter, `undefined` if it is absent. Throws `parameterInvalid` if it is there more than once. */
export function singleValue(ctx: RequestContext, name: string): string | undefined {
  const [value, ...others] = allValues(ctx, name);
  if (others.length > 0)
    throw new RegistryError('parameterInvalid', { detail: `${name}: given more than once` });
  return value;
}

/** All values of a parameter, in their order. */
export function allValues(ctx: RequestContext, name: string): string[] {
  return ctx.querystring === '' ? [] : new URLSearchParams(ctx.querystring).getAll(name);
}
