// What to say where the URL table has no row.
import type { Middleware } from 'koa';
import { RegistryError } from '../../registry/errors.ts';
import type { RequestContext, RequestState } from '../context.ts';

/** Comes after the routes. Throws `methodNotAllowed` where another method would do, `routeUnknown` elsewhere. */
export function onlyKnownRoutes(): Middleware<RequestState> {
  return async function onlyKnownRoutes(ctx) {
    const methods = new Set(((ctx as RequestContext).matched ?? []).flatMap((layer) => layer.methods));
    if (methods.size === 0) throw new RegistryError('routeUnknown');
    ctx.res.setHeader('Allow', [...methods].sort().join(', '));
    throw new RegistryError('methodNotAllowed');
  };
}
