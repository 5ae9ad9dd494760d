// What every part of the HTTP layer knows of the request at hand.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RouterContext } from '@koa/router';
import type { Permit } from '../auth/permit.ts';
import type { RegistryError } from '../registry/errors.ts';
import type { Happening } from '../registry/happening.ts';

export interface RequestState {
  /** Names the request in the log and in the answer. */
  id: string;
  /** The client's address, as far as it can be believed. */
  remoteAddress: string;
  /** What the request may do, once it is known who asks. */
  permit?: Permit;
  /** Why the request was refused, if it was. */
  refusal?: RegistryError;
  /** What there is to tell of a pull, where somebody wants to know. */
  happening?: Happening;
  /** Bytes of body that were read. */
  received?: number;
  /** Names the request's trace in the log, where there are traces. */
  trace?: Readonly<Record<string, string>>;
  /** Bytes of body that were sent, where they were streamed. */
  streamed?: number;
}

/** A request and its answer, as far as those need it who tell of it; a context of Koa is one. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** The row of the URL table; absent as long as none is found. */
  readonly routerName?: string | undefined;
  readonly params?: Readonly<Record<string, string>>;
  readonly state: RequestState;
}

export type RequestContext = RouterContext<RequestState>;
export type Handler = (ctx: RequestContext) => Promise<void>;

/** A path parameter of the matched route. */
export function parameter(ctx: RequestContext, name: string): string {
  return ctx.params[name] ?? '';
}
