// What is added to objects, as bytes or as what gives them.
import type { ObjectContent } from './driver.ts';

/** The chunks of a content. */
export function chunksOf(content: ObjectContent): AsyncIterable<Uint8Array> {
  return content instanceof Uint8Array ? onlyChunk(content) : content;
}

/** The bytes and then the content, whose end is told if not all of it is wanted. */
export function behind(bytes: Uint8Array, content: ObjectContent): ObjectContent {
  if (content instanceof Uint8Array) return Buffer.concat([bytes, content]);
  return chained(bytes.length > 0 ? [bytes] : [], content[Symbol.asyncIterator]());
}

/** The chunks and then what the source still gives. It is told when no more is wanted. `chunks` is emptied on the way. */
export async function* chained(
  chunks: Uint8Array[],
  source: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) yield chunk;
    for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value;
  } finally {
    await source.return?.();
  }
}

async function* onlyChunk(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}
