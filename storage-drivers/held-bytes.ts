// The bytes of a staged write that the value holds itself, instead of the store: what `holds` of the contract allows.
import { onlyChunk } from './contents.ts';
import type { ObjectReader, StagedWrite } from './driver.ts';

/** The bytes, if the write holds its own; `undefined` if they are elsewhere, or there are none yet, or fewer than it says. */
export function heldBytesOf({ size, held }: StagedWrite): Uint8Array | undefined {
  return held?.length === size ? held : undefined;
}

export function openHeldBytes(bytes: Uint8Array): ObjectReader {
  return {
    size: bytes.length,
    version: `held-${bytes.length}`,
    modifiedAt: new Date(),
    content: onlyChunk(bytes),
    async close() {},
  };
}
