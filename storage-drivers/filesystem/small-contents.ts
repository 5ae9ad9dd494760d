// Tells contents that end soon from those that go on.
import { chained, chunksOf } from '../contents.ts';
import type { ObjectContent } from '../driver.ts';

/** Up to this length, in bytes, a content is gathered before its file is touched. */
const SMALL_LENGTH = 64 * 1024;
const SMALL_CHUNKS = 64;

/** A content that ended: all of its bytes. One that goes on: the same chunks again. */
export type Head =
  | { readonly whole: Uint8Array; readonly rest?: undefined }
  | {
      readonly whole?: undefined;
      readonly rest: AsyncIterable<Uint8Array>;
      /** To be called when no more of the rest is wanted, also where nobody has begun to read it: somebody gives it. */
      giveUp(): Promise<void>;
    };

/** Looks at the beginning of a content. Throws what the content throws. */
export async function headOf(content: ObjectContent): Promise<Head> {
  if (content instanceof Uint8Array) {
    return content.length < SMALL_LENGTH
      ? { whole: content }
      : { rest: chunksOf(content), async giveUp() {} };
  }
  const source = content[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await source.next();
    if (done === true) return { whole: joined(chunks) };
    length += value.length;
    if (length >= SMALL_LENGTH || chunks.length === SMALL_CHUNKS) {
      return {
        rest: chained([...chunks, value], source),
        giveUp: async () => void (await source.return?.()),
      };
    }
    // Its own memory is used again when the next one is asked for.
    chunks.push(new Uint8Array(value));
  }
}

/** All bytes; one chunk alone is not copied. */
export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [first, ...others] = chunks;
  return first !== undefined && others.length === 0 ? first : Buffer.concat(chunks);
}
