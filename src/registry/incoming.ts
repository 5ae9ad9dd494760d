// The bytes of a request on their way into an upload: hashed as they pass, held to the length that was announced, and
// kept up to the point where the client broke off.
import { RegistryError } from './errors.ts';
import type { RunningDigest } from './running-digest.ts';

export interface Incoming {
  /** What to append. Ends as if all were well when the client breaks off; `broken` tells. */
  readonly content: AsyncIterable<Uint8Array>;
  /** Why the client's bytes ended early, if they did. */
  readonly broken: () => unknown;
}

/**
 * Passes bytes on and shows them to the running digest. Throws `chunkSizeMismatch` out of `content` when the body is whole but
 * not `length` bytes long, which undoes the append.
 */
export function receive(
  body: AsyncIterable<Uint8Array>,
  running: RunningDigest | undefined,
  length: number | undefined,
): Incoming {
  let broken: unknown;
  async function* content(): AsyncGenerator<Uint8Array> {
    let received = 0;
    let hashing: Promise<void> | undefined;
    const chunks = body[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await chunks.next().catch((error: unknown) => {
          broken = error ?? new Error('the body ended early');
          return undefined;
        });
        if (next === undefined) return;
        if (next.done === true) break;
        received += next.value.length;
        if (length !== undefined && received > length) throw new RegistryError('chunkSizeMismatch');
        // The next piece may come into the memory of this one: it is hashed while it is stored, and both have ended then.
        hashing = running?.update(next.value);
        yield next.value;
        await hashing;
      }
      if (length !== undefined && received !== length) throw new RegistryError('chunkSizeMismatch');
    } finally {
      await hashing;
      await chunks.return?.();
    }
  }
  return { content: content(), broken: () => broken };
}
