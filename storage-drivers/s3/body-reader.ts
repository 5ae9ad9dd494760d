// Hands out the bytes of an object as they come from the store, and goes on where a connection broke off.

import type { Readable } from 'node:stream';
import type { BufferPool } from '../buffer-pool.ts';
import type { ObjectReader } from '../driver.ts';
import { ownedContent } from '../owned-content.ts';
import type { Span } from '../ranges.ts';
import { SILENCE_MS } from './clients.ts';
import { meaningOf } from './errors.ts';
import { type GatheredChunks, gatherChunks } from './gathered-chunks.ts';

/** Connections that may break in a row without a byte in between. */
const REOPENED_IN_A_ROW = 4;
const WATCH_MS = 10_000;

export interface BodySource {
  /** The bytes of `span`, opened already. */
  readonly body: Readable;
  readonly span: Span;
  /** Opens the rest of the same version of the object. */
  reopen(span: Span): Promise<Readable>;
  readonly pool: BufferPool;
  readonly translate: (error: unknown) => Error;
}

/** The content of a reader. Its connection is closed at the end, after a `break` or an error, and on `close`. */
export function readBody({
  body,
  span,
  reopen,
  pool,
  translate,
}: BodySource): Pick<ObjectReader, 'content' | 'close'> {
  const end = span.start + span.length;
  let current = body;
  let incoming: GatheredChunks | undefined;
  let position = span.start;
  let waitingSince: number | undefined;
  let closed = false;

  // A body that is destroyed before anybody reads it may still say so.
  body.on('error', ignore);
  return { content: ownedContent(readChunks(), close), close };

  async function* readChunks(): AsyncGenerator<Uint8Array, void> {
    const watch = setInterval(endIfSilent, WATCH_MS);
    watch.unref();
    let broken = 0;
    try {
      while (position < end) {
        try {
          incoming ??= gatherChunks(current, end - position, pool);
          const chunk = await nextOf(incoming);
          position += chunk.length;
          broken = 0;
          yield chunk;
        } catch (error) {
          broken += 1;
          if (closed || broken > REOPENED_IN_A_ROW || meaningOf(error) !== 'busy') throw error;
          incoming?.stop();
          incoming = undefined;
          current = await reopen({ start: position, length: end - position });
          current.on('error', ignore);
        }
      }
      // The end has to be read as well: only then can the connection be used again.
      await incoming?.next();
    } catch (error) {
      throw translate(error);
    } finally {
      clearInterval(watch);
      await close();
    }
  }

  async function nextOf(incoming: GatheredChunks): Promise<Uint8Array> {
    if (closed) throw new Error('the reader is closed');
    waitingSince = performance.now();
    const chunk = await incoming.next();
    waitingSince = undefined;
    if (closed) throw new Error('the reader is closed');
    if (chunk === undefined) throw connectionLost(`the body ends at ${position} instead of ${end}`);
    return chunk;
  }

  function endIfSilent(): void {
    if (waitingSince === undefined || performance.now() - waitingSince < SILENCE_MS) return;
    current.destroy(connectionLost(`the store was silent for ${SILENCE_MS} ms`));
  }

  async function close(): Promise<void> {
    closed = true;
    incoming?.stop();
    current.destroy();
  }
}

function connectionLost(message: string): Error {
  return Object.assign(new Error(message), { code: 'ECONNRESET' });
}

function ignore(): void {}
