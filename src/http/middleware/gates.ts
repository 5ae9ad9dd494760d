// Reasons not to let a request through at all.
import type { Middleware } from 'koa';
import { RegistryError } from '../../registry/errors.ts';
import type { RequestState } from '../context.ts';

/** While a health check fails, every request is refused, as the `registry` image does it. */
export function onlyWhenHealthy(failing: () => readonly string[]): Middleware<RequestState> {
  return function onlyWhenHealthy(_ctx, next) {
    const checks = failing();
    if (checks.length > 0) throw new RegistryError('unhealthy', { detail: { checks } });
    return next();
  };
}

/**
 * Lets reads through and nothing else (`storage.maintenance.readonly`).
 * @param formPaths where a form asks for something and changes nothing
 */
export function onlyReads(formPaths: readonly string[]): Middleware<RequestState> {
  return function onlyReads(ctx, next) {
    const isForm = ctx.method === 'POST' && formPaths.includes(ctx.path);
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD' && !isForm) {
      ctx.res.setHeader('Allow', 'GET, HEAD');
      throw new RegistryError('readOnly');
    }
    return next();
  };
}
