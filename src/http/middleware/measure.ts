// Counts requests, where somebody wants to know.
import type { Middleware } from 'koa';
import type { RequestMeter } from '../../observe/request-meter.ts';
import type { RequestContext, RequestState } from '../context.ts';
import { statusOf, writtenOf } from '../outcome.ts';

/** What is said of requests that no route was found for, or none yet. */
const NO_ROUTE = 'none';

export function measure(meter: RequestMeter): Middleware<RequestState> {
  return async function measure(context, next) {
    const ctx = context as RequestContext;
    const startedAt = performance.now();
    const ended = meter.begin({
      method: ctx.method,
      handler: () => ctx.routerName ?? NO_ROUTE,
      received: () => ctx.state.received ?? 0,
      sent: () => writtenOf(ctx),
    });
    ctx.res.once('close', () => ended(statusOf(ctx), (performance.now() - startedAt) / 1000));
    await next();
  };
}
