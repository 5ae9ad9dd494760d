// What a client sends.

import type { IncomingMessage } from 'node:http';
import { type Reason, RegistryError } from '../registry/errors.ts';
import type { RequestContext } from './context.ts';
import { cutRequest, hasEmptyBody, wasBrokenOff } from './protocol.ts';
import { type PaceSettings, pacedSource } from './transfer-pace.ts';

/** The body of a request, chunk by chunk. Ends with an error when the client breaks off, or is cut for being too slow. */
export function bodyOf(ctx: RequestContext, pace: PaceSettings): AsyncIterable<Uint8Array> {
  const encoding = ctx.get('Content-Encoding').toLowerCase();
  if (encoding !== '' && encoding !== 'identity') throw new RegistryError('contentEncoded');
  // Not destroyed by a reader that stops early: whoever sends too much still has to read the refusal.
  return pacedSource(wholeBody(ctx), pace, (error) => cutRequest(ctx.req, error));
}

async function* wholeBody(ctx: RequestContext): AsyncGenerator<Uint8Array> {
  const { req: request, res: response, state } = ctx;
  if (waitsToBeAsked(request)) response.writeContinue();
  state.received ??= 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    state.received += chunk.length;
    yield chunk;
  }
  if (wasBrokenOff(request)) throw new Error('the client reset its request');
}

/** Over HTTP/2 Node asks by itself. */
function waitsToBeAsked({ httpVersionMajor, headers }: IncomingMessage): boolean {
  return httpVersionMajor === 1 && /^100-continue$/i.test(headers.expect ?? '');
}

/** Whether the request says that it has no body, or an empty one. */
export function hasNoBody(ctx: RequestContext): boolean {
  return hasEmptyBody(ctx.req);
}

/**
 * The whole of a small body. Throws `tooLarge` as soon as it is longer than `most` bytes, and `bodyIncomplete`
 * when the client breaks off.
 */
export async function readBody(
  ctx: RequestContext,
  most: number,
  tooLarge: Reason,
  pace: PaceSettings,
): Promise<Uint8Array> {
  if (Number(ctx.req.headers['content-length'] ?? 0) > most) throw new RegistryError(tooLarge);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of bodyOf(ctx, pace)) {
      size += chunk.length;
      if (size > most) throw new RegistryError(tooLarge);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof RegistryError) throw error;
    throw new RegistryError('bodyIncomplete', { cause: error });
  }
  return Buffer.concat(chunks, size);
}
