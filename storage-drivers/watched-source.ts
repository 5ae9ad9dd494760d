// Tells the errors of a caller's own content from those of the store that it is written to.

export interface WatchedSource {
  /** The same chunks. */
  readonly content: AsyncIterable<Uint8Array>;
  /** Whether this very error was thrown by the content. */
  threw(error: unknown): boolean;
}

export function watchSource(source: AsyncIterable<Uint8Array>): WatchedSource {
  const thrown: unknown[] = [];
  return { content: watched(), threw: (error) => thrown.includes(error) };

  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* source;
    } catch (error) {
      thrown.push(error);
      throw error;
    }
  }
}
