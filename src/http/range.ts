// The Range header (RFC 9110, section 14).
/** First and last byte (inclusive). */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export type RangeRequest =
  | { readonly kind: 'whole' }
  | { readonly kind: 'parts'; readonly parts: readonly [ByteRange, ...ByteRange[]] }
  | { readonly kind: 'unsatisfiable' };

/** More parts than any lazy-loading client asks for at once. */
const MAX_PARTS = 1000;
const PART = /^(\d{0,15})-(\d{0,15})$/;

/**
 * What a Range header asks of content of `size` bytes. A header of another unit or form is to be ignored, and so is one that
 * asks for more than the whole; a part that ends before it starts cannot be satisfied.
 */
export function parseRange(header: string, size: number): RangeRequest {
  const specs = /^bytes=(.+)$/i.exec(header.trim())?.[1]?.split(',') ?? [];
  if (specs.length === 0 || specs.length > MAX_PARTS) return { kind: 'whole' };
  const parts: ByteRange[] = [];
  for (const spec of specs) {
    const match = PART.exec(spec.trim());
    if (match === null || match[0] === '-') return { kind: 'whole' };
    const part = resolve(match[1] ?? '', match[2] ?? '', size);
    if (part !== undefined) parts.push(part);
  }
  const [first, ...others] = parts;
  if (first === undefined) return { kind: 'unsatisfiable' };
  const asked = parts.reduce((sum, { start, end }) => sum + end - start + 1, 0);
  return asked > size ? { kind: 'whole' } : { kind: 'parts', parts: [first, ...others] };
}

/** The part that lies within the content; `undefined` if none does. */
function resolve(start: string, end: string, size: number): ByteRange | undefined {
  if (start === '') {
    const length = Math.min(Number(end), size);
    return length === 0 ? undefined : { start: size - length, end: size - 1 };
  }
  const first = Number(start);
  const last = end === '' ? size - 1 : Math.min(Number(end), size - 1);
  return first > last ? undefined : { start: first, end: last };
}
