// Reads a part of an open file in large pieces, the next of which is under way while the consumer works on the last.

import type { FileHandle } from 'node:fs/promises';
import type { BufferPool } from '../buffer-pool.ts';
import type { ObjectReader } from '../driver.ts';
import { ownedContent } from '../owned-content.ts';
import type { Span } from '../ranges.ts';

interface Piece {
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly length: number;
}

/**
 * The content of a reader. It owns the handle from now on and closes it at the end, after a `break` or an error, and on
 * `close`, in each case after the read under way has ended. Errors leave through `translate`.
 */
export function readFileParts(
  handle: FileHandle,
  span: Span,
  pool: BufferPool,
  translate: (error: unknown) => Error,
): Pick<ObjectReader, 'content' | 'close'> {
  const end = span.start + span.length;
  let position = span.start;
  let underWay: Promise<Piece> | undefined;
  let lastGiven: Uint8Array<ArrayBuffer> | undefined;
  let closing: Promise<void> | undefined;

  return { content: ownedContent(readChunks(), close), close };

  async function* readChunks(): AsyncGenerator<Uint8Array, void> {
    try {
      if (closing === undefined) underWay = readNext();
      while (underWay !== undefined || closing !== undefined) {
        const piece: Piece | undefined = await underWay;
        if (closing !== undefined || piece === undefined) throw new Error('the reader is closed');
        underWay = readNext();
        lastGiven = piece.buffer;
        yield piece.buffer.subarray(0, piece.length);
        if (lastGiven !== undefined) pool.giveBack(lastGiven);
        lastGiven = undefined;
      }
    } catch (error) {
      throw translate(error);
    } finally {
      await close();
    }
  }

  function readNext(): Promise<Piece> | undefined {
    if (position === end) return undefined;
    const buffer = pool.borrow(end - position);
    const piece = { buffer, length: Math.min(buffer.length, end - position) };
    const filled = fill(piece, position);
    // The consumer sees the error when it asks for the piece; until then it must not count as unhandled.
    filled.catch(() => undefined);
    position += piece.length;
    return filled;
  }

  async function fill(piece: Piece, start: number): Promise<Piece> {
    try {
      for (let done = 0; done < piece.length; ) {
        const { bytesRead } = await handle.read(piece.buffer, done, piece.length - done, start + done);
        if (bytesRead === 0) throw new Error(`the file ends at ${start + done} instead of ${end}`);
        done += bytesRead;
      }
      return piece;
    } catch (error) {
      pool.giveBack(piece.buffer);
      throw error;
    }
  }

  function close(): Promise<void> {
    closing ??= release();
    return closing;
  }

  async function release(): Promise<void> {
    // A consumer that stops half-way may have handed its chunk to a socket that is still being torn down.
    if (lastGiven !== undefined) pool.forget(lastGiven);
    lastGiven = undefined;
    const [unread] = await Promise.allSettled([underWay]);
    if (unread.status === 'fulfilled' && unread.value !== undefined) pool.giveBack(unread.value.buffer);
    underWay = undefined;
    await handle.close();
  }
}
