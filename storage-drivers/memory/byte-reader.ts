// Hands bytes out in chunks whose memory is used again, so that a consumer who keeps a chunk too long is found out in tests.
import type { ObjectReader } from '../driver.ts';

const CHUNK_LENGTH = 64 * 1024;

/** The content of a reader over the bytes. Asking for more after `close` throws the error that `afterClose` makes. */
export function openBytes(
  bytes: Uint8Array,
  afterClose: () => Error,
): Pick<ObjectReader, 'content' | 'close'> {
  let closed = false;
  return {
    content: chunks(),
    async close() {
      closed = true;
    },
  };

  async function* chunks(): AsyncGenerator<Uint8Array> {
    const memory = new Uint8Array(Math.min(CHUNK_LENGTH, bytes.length));
    for (let start = 0; start < bytes.length; start += CHUNK_LENGTH) {
      if (closed) throw afterClose();
      const part = bytes.subarray(start, start + CHUNK_LENGTH);
      memory.set(part);
      yield memory.subarray(0, part.length);
    }
  }
}
