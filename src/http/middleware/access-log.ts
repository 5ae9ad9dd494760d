// One line a request, written when the last byte of the answer has left or the connection is gone.
import type { Middleware } from 'koa';
import type { Logger } from 'pino';
import { printable } from '../../auth/audit.ts';
import type { Exchange, RequestContext, RequestState } from '../context.ts';
import { statusOf, writtenOf } from '../outcome.ts';
import { hostOf } from '../protocol.ts';

export interface AccessLogSettings {
  /** Line by line where everything is fine (`log.accesslog.disabled`); failures are always told. */
  readonly everyRequest: boolean;
}

/** Begins to look at a request that came in just now, and writes its line when it is over. */
export type FollowRequest = (exchange: Exchange) => void;

export function createAccessLog(log: Logger, { everyRequest }: AccessLogSettings): FollowRequest {
  return (exchange) => {
    const startedAt = performance.now();
    exchange.res.once('close', () => {
      const status = statusOf(exchange);
      const isFailure = status >= 500;
      if (!everyRequest && !isFailure) return;
      const line = describe(exchange, status, performance.now() - startedAt);
      const { refusal } = exchange.state;
      if (isFailure) log.error({ ...line, err: refusal?.cause ?? refusal }, 'request failed');
      else log.info(line, 'request');
    });
  };
}

export function accessLog(follow: FollowRequest): Middleware<RequestState> {
  return function accessLog(ctx, next) {
    follow(ctx as RequestContext);
    return next();
  };
}

/** The field names of the `registry` image. The query is left out: it may hold what is nobody's business. */
function describe(ctx: Exchange, status: number, durationMs: number): object {
  const { id, remoteAddress, permit, refusal, trace } = ctx.state;
  const { name, reference, digest, session } = ctx.params ?? {};
  return {
    'http.request.id': id,
    'http.request.method': ctx.method,
    'http.request.host': hostOf(ctx.req),
    'http.request.uri': ctx.path,
    'http.request.proto': `HTTP/${ctx.req.httpVersion}`,
    'http.request.remoteaddr': remoteAddress,
    'http.request.useragent': ctx.req.headers['user-agent'],
    'http.request.referer': ctx.req.headers.referer?.replace(/[?#].*$/, ''),
    'http.request.contentlength': ctx.req.headers['content-length'],
    'http.response.status': status,
    'http.response.duration': Math.round(durationMs * 1000) / 1000,
    'http.response.written': writtenOf(ctx),
    route: ctx.routerName,
    'vars.name': name,
    'vars.reference': reference,
    'vars.digest': digest,
    'vars.uuid': session,
    ...(permit && permit.caller.name !== '' && { 'auth.user.name': printable(permit.caller.name) }),
    ...(refusal && { 'err.code': refusal.code, 'err.message': refusal.message }),
    ...trace,
  };
}
