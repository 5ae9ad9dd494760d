// Opens objects for reading.
import { Readable } from 'node:stream';
import type { ByteRange, ObjectReader } from '../driver.ts';
import { type Span, spanOf } from '../ranges.ts';
import { readBody } from './body-reader.ts';
import { type Bucket, type Found, foundIn } from './bucket.ts';
import { hasName } from './errors.ts';

interface OpenObject {
  readonly found: Found;
  readonly body: Readable;
}

/** Opens an object or a part of it. Errors on the way leave through `translate`; this itself throws the SDK's and RangeError. */
export async function openObject(
  bucket: Bucket,
  key: string,
  range: ByteRange | undefined,
  translate: (error: unknown) => Error,
): Promise<ObjectReader> {
  // Whether an object has these bytes at all is only known with its answer.
  if (range !== undefined && spanOf(range, Number.MAX_SAFE_INTEGER) === undefined) throw outside();
  const asked = range && { start: range.start, length: range.end - range.start + 1 };
  const { found, body } = await open(bucket, key, asked);
  const { size, version, modifiedAt, etag, seal } = found;
  const span = spanOf(range, size);
  if (span === undefined) {
    body.destroy();
    throw outside();
  }
  const reopen = async (rest: Span) => (await open(bucket, key, rest, etag)).body;
  const chunks = readBody({ body, span, reopen, pool: bucket.pool, translate });
  return { size, version, modifiedAt, ...(seal && { seal }), ...chunks };
}

/** The whole of an object. Throws the SDK's errors. */
export async function readObject(bucket: Bucket, key: string): Promise<Uint8Array> {
  return gather(await openObject(bucket, key, undefined, asError));
}

/** All bytes of a reader over a whole object. */
export async function gather({ size, content }: ObjectReader): Promise<Uint8Array> {
  const whole = new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
  let position = 0;
  for await (const chunk of content) {
    whole.set(chunk, position);
    position += chunk.length;
  }
  return whole;
}

async function open(bucket: Bucket, key: string, span?: Span, etag?: string): Promise<OpenObject> {
  try {
    const answer = await bucket.get(key, {
      ...(span && { range: `bytes=${span.start}-${span.start + span.length - 1}` }),
      ...(etag && { etag }),
    });
    const body: unknown = answer.Body;
    if (!(body instanceof Readable)) throw new Error('the answer has no body');
    if (span === undefined || answer.ContentRange?.startsWith(`bytes ${span.start}-`)) {
      return { found: foundIn(answer), body };
    }
    body.destroy();
    throw new Error('the store gave other bytes than the ones asked for');
  } catch (error) {
    throw hasName(error, 'InvalidRange') ? outside(error) : error;
  }
}

function outside(cause?: unknown): RangeError {
  return new RangeError('outside the object', { cause });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('unknown failure', { cause: error });
}
