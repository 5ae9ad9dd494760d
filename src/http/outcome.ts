// How a request ended, for whoever tells or counts it.
import type { Exchange } from './context.ts';
import { isAnswered } from './protocol.ts';

/** The status under which clients that went away are known. */
const CLIENT_GONE = 499;

/** The status that the client got, once the connection is done with the request. */
export function statusOf(ctx: Pick<Exchange, 'res' | 'state'>): number {
  return isAnswered(ctx.res) || isSentWhole(ctx) ? ctx.res.statusCode : CLIENT_GONE;
}

/** A client that has all the bytes it was promised may close the connection before the answer is ended here. */
function isSentWhole({ res, state }: Pick<Exchange, 'res' | 'state'>): boolean {
  return state.streamed !== undefined && state.streamed === Number(res.getHeader('content-length'));
}

/** Bytes of the answer's body: so far where it is streamed, and otherwise all of it as soon as its length is known. */
export function writtenOf(ctx: Pick<Exchange, 'method' | 'res' | 'state'>): number {
  if (ctx.state.streamed !== undefined) return ctx.state.streamed;
  return ctx.method === 'HEAD' ? 0 : Number(ctx.res.getHeader('content-length') ?? 0);
}
