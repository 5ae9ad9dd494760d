// Answers: small ones as JSON or bytes, large ones streamed as fast as the client takes them.
import type { ServerResponse } from 'node:http';
import type { RequestContext } from './context.ts';
import { cutAnswer, isGone } from './protocol.ts';
import { type PaceSettings, TooSlowError, timeToTake } from './transfer-pace.ts';

/** Answers with JSON. The type is exactly `application/json` unless another one is given: some clients compare. */
export function replyJson(ctx: RequestContext, value: unknown, contentType = 'application/json'): void {
  replyBytes(ctx, Buffer.from(JSON.stringify(value)), contentType);
}

/** Answers with bytes, and to HEAD with their length alone. */
export function replyBytes(ctx: RequestContext, bytes: Uint8Array, contentType: string): void {
  ctx.res.setHeader('Content-Type', contentType);
  ctx.res.setHeader('Content-Length', String(bytes.length));
  ctx.body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Answers with a status and no body, at once. */
export function replyEmpty(ctx: RequestContext, status: number): void {
  const { res } = ctx;
  // Koa would look for a body, several times.
  ctx.respond = false;
  res.statusCode = status;
  if (status !== 204 && status !== 304) res.setHeader('Content-Length', '0');
  res.end();
}

/**
 * Sends content of which exactly as many bytes come as Content-Length says. A chunk is asked for when the last one has left,
 * so that its memory may be used again. If the content fails, or the client is gone or too slow, the connection is cut: a
 * part of an answer never looks like the whole.
 */
export async function streamBody(
  ctx: RequestContext,
  content: AsyncIterable<Uint8Array>,
  pace: PaceSettings,
): Promise<void> {
  const { res } = ctx;
  ctx.respond = false;
  ctx.state.streamed = 0;
  res.statusCode = ctx.status;
  try {
    for await (const chunk of content) {
      await write(res, chunk, timeToTake(chunk.length, pace));
      ctx.state.streamed += chunk.length;
    }
    res.end();
  } catch (error) {
    cutAnswer(res);
    throw error;
  }
}

async function write(res: ServerResponse, chunk: Uint8Array, limitMs: number | undefined): Promise<void> {
  if (isGone(res)) throw new ClientGoneError('the client closed the connection');
  const given = new AbortController();
  const timer = limitMs === undefined ? undefined : setTimeout(() => given.abort(), limitMs);
  try {
    await new Promise<void>((resolve, reject) => {
      given.signal.addEventListener('abort', () => reject(new TooSlowError('the client takes too slowly')));
      const gone = () => reject(new ClientGoneError('the client closed the connection'));
      res.once('close', gone);
      res.write(chunk, (error) => {
        res.off('close', gone);
        if (error) reject(new ClientGoneError('the client closed the connection', { cause: error }));
        else resolve();
      });
    });
  } finally {
    clearTimeout(timer);
  }
}

/** The client went away before it had everything. Nobody's fault. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';
}
