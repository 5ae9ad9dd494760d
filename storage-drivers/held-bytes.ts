// The bytes of a staged write that the value holds itself, instead of the store: what `holds` of the contract allows.
import type { ObjectReader, StagedWrite } from './driver.ts';

/** The bytes, if the write holds all of its own; `undefined` if they are elsewhere, or there are none yet. */
export function heldBytesOf({ size, detail }: StagedWrite): Uint8Array | undefined {
  if (typeof detail !== 'object' || detail === null || Array.isArray(detail)) return undefined;
  const { held } = detail as { readonly held?: unknown };
  const bytes = typeof held === 'string' ? Buffer.from(held, 'base64') : undefined;
  return bytes?.length === size ? bytes : undefined;
}

/** How bytes look in a `detail`, which is JSON. */
export function asHeld(bytes: Uint8Array): { readonly held: string } {
  return { held: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64') };
}

export function openHeldBytes(bytes: Uint8Array): ObjectReader {
  return {
    size: bytes.length,
    version: `held-${bytes.length}`,
    modifiedAt: new Date(),
    content: once(bytes),
    async close() {},
  };
}

/** The bytes and then the content, whose end is told if not all of it is wanted. */
export async function* behindHeld(
  bytes: Uint8Array,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const source = content[Symbol.asyncIterator]();
  try {
    if (bytes.length > 0) yield bytes;
    for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value;
  } finally {
    await source.return?.();
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
