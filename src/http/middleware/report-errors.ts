// Turns whatever was thrown into the answer that the table of errors has for it (distribution-spec, "Error Codes").
import type { Middleware } from 'koa';
import type { RegistryError } from '../../registry/errors.ts';
import { refusalFor } from '../../registry/failures.ts';
import type { RequestContext, RequestState } from '../context.ts';
import { ClientGoneError, replyJson } from '../reply.ts';

/** Seconds after which a client may try again what could not be done now, where nothing better is known. */
const RETRY_AFTER = 5;

export function reportErrors(): Middleware<RequestState> {
  return async function reportErrors(ctx, next) {
    try {
      await next();
    } catch (error) {
      const refusal = refusalFor(error);
      ctx.state.refusal = refusal;
      // Too late for another answer: the connection was cut by whoever failed.
      if (ctx.respond === false || ctx.headerSent) return;
      if (error instanceof ClientGoneError) return;
      describe(ctx as RequestContext, refusal);
    }
  };
}

function describe(ctx: RequestContext, refusal: RegistryError): void {
  const { status, code, message, detail, retryAfterSeconds = RETRY_AFTER } = refusal;
  ctx.status = status;
  if (status === 503 || status === 429) ctx.res.setHeader('Retry-After', String(retryAfterSeconds));
  for (const name of ['ETag', 'Cache-Control', 'Accept-Ranges', 'Docker-Content-Digest']) ctx.remove(name);
  replyJson(ctx, { errors: [{ code, message, ...(detail !== undefined && { detail }) }] });
}
