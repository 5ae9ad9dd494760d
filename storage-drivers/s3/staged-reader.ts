// Reads the pieces of a staged write one after the other, as if they were one object.
import type { ObjectReader } from '../driver.ts';
import type { Bucket } from './bucket.ts';
import type { Source } from './copies.ts';
import { openObject } from './objects.ts';

/** Opens the pieces, each when the one before has been read. Errors of reading leave through `translate`. */
export async function openPieces(
  bucket: Bucket,
  sources: readonly Source[],
  size: number,
  translate: (error: unknown) => Error,
): Promise<ObjectReader> {
  let current: ObjectReader | undefined;
  let closed = false;
  return { size, version: `staged-${size}`, modifiedAt: new Date(), content: readChunks(), close };

  async function* readChunks(): AsyncGenerator<Uint8Array> {
    try {
      for (const source of sources) {
        if (closed) throw translate(new Error('the reader is closed'));
        current = await openNext(source);
        yield* current.content;
      }
    } finally {
      await close();
    }
  }

  async function openNext({ key, size: expected }: Source): Promise<ObjectReader> {
    try {
      const reader = await openObject(bucket, key, undefined, translate);
      if (reader.size === expected) return reader;
      await reader.close();
      throw new Error(`${key} has ${reader.size} bytes instead of ${expected}`);
    } catch (error) {
      throw translate(error);
    }
  }

  async function close(): Promise<void> {
    closed = true;
    await current?.close();
  }
}
