// What every part of the HTTP layer knows of the request at hand.
import type { RouterContext } from '@koa/router';
import type { Permit } from '../auth/permit.ts';
import type { RegistryError } from '../registry/errors.ts';

export interface RequestState {
  /** Names the request in the log and in the answer. */
  id: string;
  /** The client's address, as far as it can be believed. */
  remoteAddress: string;
  /** What the request may do, once it is known who asks. */
  permit?: Permit;
  /** Why the request was refused, if it was. */
  refusal?: RegistryError;
  /** Bytes of body that were read. */
  received?: number;
  /** Names the request's trace in the log, where there are traces. */
  trace?: Readonly<Record<string, string>>;
  /** Bytes of body that were sent, where they were streamed. */
  streamed?: number;
}

export type RequestContext = RouterContext<RequestState>;
export type Handler = (ctx: RequestContext) => Promise<void>;

/** A path parameter of the matched route. */
export function parameter(ctx: RequestContext, name: string): string {
  return ctx.params[name] ?? '';
}
