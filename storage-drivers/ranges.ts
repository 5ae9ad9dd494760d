// Which bytes of an object a read is about.
import type { ByteRange } from './driver.ts';

/** A part of an object: `length` bytes from `start` on. */
export interface Span {
  readonly start: number;
  readonly length: number;
}

/** What a range means in an object of `size` bytes: all of it without a range, undefined if it has not got those bytes. */
export function spanOf(range: ByteRange | undefined, size: number): Span | undefined {
  if (range === undefined) return { start: 0, length: size };
  const { start, end } = range;
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end)) return undefined;
  if (start < 0 || end < start || end >= size) return undefined;
  return { start, length: end - start + 1 };
}
