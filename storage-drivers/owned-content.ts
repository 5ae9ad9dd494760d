// The content of a reader that owns what it reads from.

/**
 * Passes chunks on, and closes what they come from when the consumer stops, also before the first: a generator that was never
 * started would not run its own `finally`.
 */
export function ownedContent(
  chunks: AsyncGenerator<Uint8Array, void>,
  close: () => Promise<void>,
): AsyncIterable<Uint8Array> {
  const iterator: AsyncIterator<Uint8Array, void> = {
    next: () => chunks.next(),
    async return() {
      await close();
      return chunks.return();
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}
