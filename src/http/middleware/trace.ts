// Traces requests, where somebody wants to know.
import type { Middleware } from 'koa';
import type { RequestTracer } from '../../observe/request-tracer.ts';
import type { ClientAddress } from '../client-address.ts';
import type { RequestContext, RequestState } from '../context.ts';
import { statusOf, writtenOf } from '../outcome.ts';

export function trace(tracer: RequestTracer, addressOf: ClientAddress): Middleware<RequestState> {
  return async function trace(context, next) {
    const ctx = context as RequestContext;
    const { req, res, state } = ctx;
    const span = tracer.begin({
      method: ctx.method,
      path: ctx.path,
      address: addressOf(req),
      userAgent: req.headers['user-agent'],
      traceparent: headerOf(req.headers['traceparent']),
      tracestate: headerOf(req.headers['tracestate']),
    });
    state.trace = span.ids;
    res.once('close', () =>
      span.end({
        route: typeof ctx._matchedRoute === 'string' ? ctx._matchedRoute : undefined,
        status: statusOf(ctx),
        received: state.received ?? 0,
        sent: writtenOf(ctx),
        error: state.refusal?.cause ?? state.refusal,
      }),
    );
    await span.run(next);
  };
}

function headerOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
