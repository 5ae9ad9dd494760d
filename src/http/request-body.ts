// What a client sends.

import { RegistryError } from '../registry/errors.ts';
import type { RequestContext } from './context.ts';
import { type PaceSettings, pacedSource } from './transfer-pace.ts';

/** The body of a request, chunk by chunk. Ends with an error when the client breaks off, or is cut for being too slow. */
export function bodyOf(ctx: RequestContext, pace: PaceSettings): AsyncIterable<Uint8Array> {
  const encoding = ctx.get('Content-Encoding').toLowerCase();
  if (encoding !== '' && encoding !== 'identity') throw new RegistryError('contentEncoded');
  // Not destroyed by a reader that stops early: whoever sends too much still has to read the refusal.
  const chunks: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ctx.req.iterator({ destroyOnReturn: false }),
  };
  return pacedSource(chunks, pace, (error) => ctx.req.destroy(error));
}

/** Whether the request says that it has no body, or an empty one. */
export function hasNoBody(ctx: RequestContext): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = ctx.req.headers;
  return encoding === undefined && (length === undefined || Number(length) === 0);
}

/**
 * The whole of a small body. Throws `manifestTooLarge` as soon as it is longer than `most` bytes, and `bodyIncomplete`
 * when the client breaks off.
 */
export async function readBody(ctx: RequestContext, most: number, pace: PaceSettings): Promise<Uint8Array> {
  if (Number(ctx.req.headers['content-length'] ?? 0) > most) throw new RegistryError('manifestTooLarge');
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of bodyOf(ctx, pace)) {
      size += chunk.length;
      if (size > most) throw new RegistryError('manifestTooLarge');
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof RegistryError) throw error;
    throw new RegistryError('bodyIncomplete', { cause: error });
  }
  return Buffer.concat(chunks, size);
}
