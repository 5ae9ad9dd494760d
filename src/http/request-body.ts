// What a client sends.
import type { IncomingMessage } from 'node:http';
import { type Reason, RegistryError } from '../registry/errors.ts';
import type { SharedBlocks } from '../registry/shared-blocks.ts';
import type { Body } from '../registry/upload-chunks.ts';
import type { RequestContext } from './context.ts';
import { type GatheredBody, gatherBody } from './gathered-body.ts';
import { cutRequest, hasEmptyBody, wasBrokenOff } from './protocol.ts';
import { type PaceSettings, pacedSource, watchPace } from './transfer-pace.ts';

/**
 * The body of a request, in pieces that are valid until the next one is asked for. Ends with an error when the client breaks off,
 * or is cut for being too slow. One that is longer than `announced` need not have ended when its last piece comes.
 */
export function bodyOf(
  ctx: RequestContext,
  pace: PaceSettings,
  blocks: SharedBlocks,
  announced?: number,
): Body {
  const { req: request } = ctx;
  const { onBytes, receivedSoFar, cut } = beginsToCome(ctx);
  let opened: GatheredBody | undefined;
  const open = () => {
    if (opened === undefined) {
      askFor(ctx);
      opened = gatherBody(request, blocks, { onBytes, announced, isBrokenOff: () => wasBrokenOff(request) });
    }
    return opened;
  };
  return {
    async whole() {
      const watch = watchPace(receivedSoFar, pace, cut);
      try {
        return await watch.waitFor(open().whole());
      } finally {
        watch.stop();
      }
    },
    [Symbol.asyncIterator]: () => pacedSource({ [Symbol.asyncIterator]: open }, receivedSoFar, pace, cut),
  };
}

/** Throws `contentEncoded`. */
function beginsToCome(ctx: RequestContext) {
  const { req: request, state } = ctx;
  const encoding = ctx.get('Content-Encoding').toLowerCase();
  if (encoding !== '' && encoding !== 'identity') throw new RegistryError('contentEncoded');
  return {
    onBytes(count: number) {
      state.received = (state.received ?? 0) + count;
    },
    receivedSoFar: () => state.received ?? 0,
    // Not destroyed by a reader that stops early: whoever sends too much still has to read the refusal.
    cut: (error: Error) => cutRequest(request, error),
  };
}

function askFor({ req, res }: RequestContext): void {
  if (waitsToBeAsked(req)) res.writeContinue();
}

async function* chunksOf(ctx: RequestContext, onBytes: (count: number) => void): AsyncGenerator<Uint8Array> {
  askFor(ctx);
  const { req: request } = ctx;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    onBytes(chunk.length);
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
  const { onBytes, receivedSoFar, cut } = beginsToCome(ctx);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of pacedSource(chunksOf(ctx, onBytes), receivedSoFar, pace, cut)) {
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
