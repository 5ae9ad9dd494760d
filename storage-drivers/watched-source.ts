// Tells the errors of a caller's own content from those of the store that it is written to.
import type { ObjectContent } from './driver.ts';

export interface WatchedSource {
  /** The same bytes. */
  readonly content: ObjectContent;
  /** Whether this very error was thrown by the content. */
  threw(error: unknown): boolean;
}

export function watchSource(source: ObjectContent): WatchedSource {
  if (source instanceof Uint8Array) return { content: source, threw: () => false };
  const thrown: unknown[] = [];
  return { content: watched(source), threw: (error) => thrown.includes(error) };

  async function* watched(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* chunks;
    } catch (error) {
      thrown.push(error);
      throw error;
    }
  }
}
