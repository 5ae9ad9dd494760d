// Counts requests, where somebody wants to know.
import type { Middleware } from 'koa';
import type { RequestMeter } from '../../observe/request-meter.ts';
import type { Exchange, RequestContext, RequestState } from '../context.ts';
import { statusOf, writtenOf } from '../outcome.ts';

/** What is said of requests that no route was found for, or none yet. */
const NO_ROUTE = 'none';

export function measure(meter: RequestMeter): Middleware<RequestState> {
  return function measure(ctx, next) {
    count(ctx as RequestContext, meter);
    return next();
  };
}

/** Begins to count a request that came in just now. */
export function count(exchange: Exchange, meter: RequestMeter): void {
  const startedAt = performance.now();
  const ended = meter.begin({
    method: exchange.method,
    handler: () => exchange.routerName ?? NO_ROUTE,
    received: () => exchange.state.received ?? 0,
    sent: () => writtenOf(exchange),
  });
  exchange.res.once('close', () => ended(statusOf(exchange), (performance.now() - startedAt) / 1000));
}
