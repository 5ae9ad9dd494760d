// What is added to objects, as bytes or as what gives them.
import type { ObjectContent } from './driver.ts';

/** The chunks of a content. */
export function chunksOf(content: ObjectContent): AsyncIterable<Uint8Array> {
  return content instanceof Uint8Array ? onlyChunk(content) : content;
}

/** The bytes and then the content, whose end is told if not all of it is wanted. */
export function behind(bytes: Uint8Array, content: ObjectContent): ObjectContent {
  return content instanceof Uint8Array ? Buffer.concat([bytes, content]) : chunksBehind(bytes, content);
}

export async function* onlyChunk(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

async function* chunksBehind(
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
