// Hands out the bytes of an object as they come from the store, and goes on where a connection broke off.

import type { Readable } from 'node:stream';
import type { ObjectReader } from '../driver.ts';
import { ownedContent } from '../owned-content.ts';
import type { Span } from '../ranges.ts';
import { SILENCE_MS } from './clients.ts';
import { meaningOf } from './errors.ts';

/** Connections that may break in a row without a byte in between. */
const REOPENED_IN_A_ROW = 4;
const WATCH_MS = 10_000;

export interface BodySource {
  /** The bytes of `span`, opened already. */
  readonly body: Readable;
  readonly span: Span;
  /** Opens the rest of the same version of the object. */
  reopen(span: Span): Promise<Readable>;
  readonly translate: (error: unknown) => Error;
}

/** The content of a reader. Its connection is closed at the end, after a `break` or an error, and on `close`. */
export function readBody({
  body,
  span,
  reopen,
  translate,
}: BodySource): Pick<ObjectReader, 'content' | 'close'> {
  const end = span.start + span.length;
  let current = body;
  let position = span.start;
  let waitingSince: number | undefined;
  let closed = false;

  // A body that is destroyed before anybody reads it may still say so.
  body.on('error', ignore);
  return { content: ownedContent(readChunks(), close), close };

  async function* readChunks(): AsyncGenerator<Uint8Array, void> {
    const watch = setInterval(endIfSilent, WATCH_MS);
    watch.unref();
    let incoming: AsyncIterator<unknown> | undefined;
    let broken = 0;
    try {
      while (position < end) {
        try {
          incoming ??= current[Symbol.asyncIterator]();
          const chunk = await nextOf(incoming);
          position += chunk.length;
          broken = 0;
          yield chunk;
        } catch (error) {
          broken += 1;
          if (closed || broken > REOPENED_IN_A_ROW || meaningOf(error) !== 'busy') throw error;
          current = await reopen({ start: position, length: end - position });
          current.on('error', ignore);
          incoming = undefined;
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

  async function nextOf(incoming: AsyncIterator<unknown>): Promise<Uint8Array> {
    if (closed) throw new Error('the reader is closed');
    waitingSince = performance.now();
    const { done, value } = await incoming.next();
    waitingSince = undefined;
    if (closed) throw new Error('the reader is closed');
    if (done === true) throw connectionLost(`the body ends at ${position} instead of ${end}`);
    if (!(value instanceof Uint8Array)) throw new TypeError('a body consists of bytes');
    if (position + value.length > end) throw new Error(`the body goes on behind ${end}`);
    return value;
  }

  function endIfSilent(): void {
    if (waitingSince === undefined || performance.now() - waitingSince < SILENCE_MS) return;
    current.destroy(connectionLost(`the store was silent for ${SILENCE_MS} ms`));
  }

  async function close(): Promise<void> {
    closed = true;
    current.destroy();
  }
}

function connectionLost(message: string): Error {
  return Object.assign(new Error(message), { code: 'ECONNRESET' });
}

function ignore(): void {}
