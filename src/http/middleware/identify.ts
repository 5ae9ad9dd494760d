// The first word on every answer: who answers, and under which id the log knows the request.
import { randomUUID } from 'node:crypto';
import type { Middleware } from 'koa';
import type { ClientAddress } from '../client-address.ts';
import type { RequestState } from '../context.ts';

export interface IdentifySettings {
  readonly addressOf: ClientAddress;
  /** Sent with every answer of the API (`http.headers`). */
  readonly headers: readonly (readonly [name: string, values: readonly string[]])[];
}

export function identify({ addressOf, headers }: IdentifySettings): Middleware<RequestState> {
  return function identify({ req, res, state, path }, next) {
    state.id = randomUUID();
    state.remoteAddress = addressOf(req);
    res.setHeader('X-Request-Id', state.id);
    res.setHeader('X-Content-Type-Options', 'nosniff');
    if (path !== '/') {
      res.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
      for (const [name, values] of headers) res.setHeader(name, [...values]);
    }
    return next();
  };
}
