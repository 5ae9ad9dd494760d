// The bytes that are pushed: made before the clock runs, so that sending them costs the client next to nothing.
//
// Every blob is one shared 64 MiB of random bytes, over and over, behind a first piece of its own, so that no two blobs
// have the same digest. The bytes lie in memory already framed for `Transfer-Encoding: chunked` in pieces of 32 KiB, the
// pieces in which docker sends a layer; nothing is copied or encoded while the clock runs.
import { createHash, randomFillSync } from 'node:crypto';

/** A blob that is ready to be sent. */
export interface PreparedBlob {
  readonly digest: string;
  /** Bytes of the blob itself, without the framing. */
  readonly size: number;
  /** The body as it goes over the socket, framing and end included. */
  readonly body: readonly Uint8Array[];
}

export interface ContentSource {
  /** `count` blobs of `size` bytes each, a multiple of 32 KiB. The same seed gives the same blobs. */
  prepareBlobs(seed: string, count: number, size: number): readonly PreparedBlob[];
}

const PIECE_BYTES = 32 * 1024;
const PIECES = 2048;
const PIECE_HEAD = Buffer.from(`${PIECE_BYTES.toString(16)}\r\n`);
const PIECE_END = Buffer.from('\r\n');
const FRAME_BYTES = PIECE_HEAD.length + PIECE_BYTES + PIECE_END.length;
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** Fills the shared bytes once (some 64 MiB of memory). */
export function createContentSource(): ContentSource {
  const shared = framePieces(randomFillSync(Buffer.allocUnsafe(PIECES * PIECE_BYTES)));
  return {
    prepareBlobs: (seed, count, size) =>
      Array.from({ length: count }, (_, index) => prepareBlob(shared, `${seed} ${index} `, size)),
  };
}

/** A small blob, sent as a single chunk. */
export function prepareSmallBlob(content: Uint8Array): PreparedBlob {
  return {
    digest: sha256(content),
    size: content.length,
    body: [
      Buffer.concat([Buffer.from(`${content.length.toString(16)}\r\n`), content, PIECE_END, LAST_CHUNK]),
    ],
  };
}

export function sha256(content: Uint8Array): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** The bytes of a blob without the framing, in the pieces of 32 KiB that it was prepared in; the memory is shared. */
export function* piecesOf({ body }: Pick<PreparedBlob, 'body'>): Generator<Uint8Array> {
  for (const frames of body) {
    if (frames === LAST_CHUNK) continue;
    for (let at = PIECE_HEAD.length; at < frames.length; at += FRAME_BYTES) {
      yield frames.subarray(at, at + PIECE_BYTES);
    }
  }
}

function prepareBlob(shared: Buffer, prefix: string, size: number): PreparedBlob {
  if (size % PIECE_BYTES !== 0 || size === 0) throw new RangeError(`${size} is not a multiple of 32 KiB`);
  const first = Buffer.from(shared.subarray(0, FRAME_BYTES));
  first.write(prefix, PIECE_HEAD.length, 'latin1');
  const body: Buffer[] = [first];
  for (let left = size / PIECE_BYTES - 1, from = 1; left > 0; from = 0) {
    const pieces = Math.min(left, PIECES - from);
    body.push(shared.subarray(from * FRAME_BYTES, (from + pieces) * FRAME_BYTES));
    left -= pieces;
  }
  const hash = createHash('sha256');
  body.push(LAST_CHUNK);
  for (const piece of piecesOf({ body })) hash.update(piece);
  return { digest: `sha256:${hash.digest('hex')}`, size, body };
}

function framePieces(content: Buffer): Buffer {
  const framed = Buffer.allocUnsafe((content.length / PIECE_BYTES) * FRAME_BYTES);
  for (let from = 0, at = 0; from < content.length; from += PIECE_BYTES, at += FRAME_BYTES) {
    PIECE_HEAD.copy(framed, at);
    content.copy(framed, at + PIECE_HEAD.length, from, from + PIECE_BYTES);
    PIECE_END.copy(framed, at + PIECE_HEAD.length + PIECE_BYTES);
  }
  return framed;
}
