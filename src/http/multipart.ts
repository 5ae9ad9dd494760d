// Several parts of one content in one answer: multipart/byteranges (RFC 9110, section 14.6).
import { randomUUID } from 'node:crypto';
import type { ByteRange } from './range.ts';

export interface Multipart {
  /** Value of the answer's Content-Type. */
  readonly contentType: string;
  /** Length of `content` in bytes. */
  readonly length: number;
  readonly content: AsyncIterable<Uint8Array>;
}

export interface MultipartSource {
  /** Length of the whole content in bytes. */
  readonly size: number;
  readonly contentType: string;
  /** The bytes of one part. Called when it is its turn. */
  open(part: ByteRange): Promise<AsyncIterable<Uint8Array>>;
}

export function createMultipart(parts: readonly ByteRange[], source: MultipartSource): Multipart {
  const boundary = randomUUID();
  const end = Buffer.from(`\r\n--${boundary}--\r\n`);
  const heads = parts.map((part) => ({ part, head: headOf(part, boundary, source) }));
  const length = heads.reduce(
    (sum, { part, head }) => sum + head.length + part.end - part.start + 1,
    end.length,
  );
  async function* content(): AsyncGenerator<Uint8Array> {
    for (const { part, head } of heads) {
      yield head;
      yield* await source.open(part);
    }
    yield end;
  }
  return { contentType: `multipart/byteranges; boundary=${boundary}`, length, content: content() };
}

function headOf(part: ByteRange, boundary: string, { contentType, size }: MultipartSource): Uint8Array {
  const lines = [
    `\r\n--${boundary}`,
    `Content-Type: ${contentType}`,
    `Content-Range: bytes ${part.start}-${part.end}/${size}`,
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}
