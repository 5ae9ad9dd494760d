// One line a request, written when the last byte of the answer has left or the connection is gone.
import type { Middleware } from 'koa';
import type { Logger } from 'pino';
import { printable } from '../../auth/audit.ts';
import type { RequestContext, RequestState } from '../context.ts';
import { statusOf, writtenOf } from '../outcome.ts';
import { hostOf } from '../protocol.ts';

export interface AccessLogSettings {
  /** Line by line where everything is fine (`log.accesslog.disabled`); failures are always told. */
  readonly everyRequest: boolean;
}

export function accessLog(log: Logger, { everyRequest }: AccessLogSettings): Middleware<RequestState> {
  return async function accessLog(ctx, next) {
    const startedAt = performance.now();
    ctx.res.once('close', () => {
      const status = statusOf(ctx);
      const isFailure = status >= 500;
      if (!everyRequest && !isFailure) return;
      const line = describe(ctx as RequestContext, status, performance.now() - startedAt);
      if (isFailure)
        log.error({ ...line, err: ctx.state.refusal?.cause ?? ctx.state.refusal }, 'request failed');
      else log.info(line, 'request');
    });
    await next();
  };
}

/** The field names of the `registry` image. The query is left out: it may hold what is nobody's business. */
function describe(ctx: RequestContext, status: number, durationMs: number): object {
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
