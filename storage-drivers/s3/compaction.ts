// Which pieces of a staged write are merged, so that there are never many of them and no byte is written again often: each
// time that a byte is merged, its piece becomes many times as long.

import { LEAST_PART_LENGTH } from './settings.ts';
import { isSmall, type Piece } from './staged-detail.ts';

/** Small pieces of one level. 32 of 1 KiB are merged into one of 32 KiB, and 32 of those into one of 1 MiB. */
const SMALL_OF_ONE_LEVEL = 32;
/** Large pieces of one level: of 5 MiB each, they are 1.25 GiB together. */
const LARGE_OF_ONE_LEVEL = 256;

/**
 * Those of the small pieces, from the end, that are put before the bytes that are added now. All of them, as soon as they
 * and the bytes make a large piece.
 */
export function absorbed(small: readonly Piece[], added: number): readonly Piece[] {
  const total = small.reduce((sum, { size }) => sum + size, added);
  if (total >= LEAST_PART_LENGTH) return small;
  let start = small.length;
  for (let level = 0; ; level += 1) {
    const begin = small.findLastIndex((piece, index) => index < start && piece.level > level) + 1;
    if (start - begin < SMALL_OF_ONE_LEVEL - 1) return small.slice(start);
    start = begin;
  }
}

/** Large pieces in a row that are merged into one; none if there are not that many. */
export function compacted(pieces: readonly Piece[]): readonly Piece[] {
  const large = pieces.filter((piece) => !isSmall(piece));
  const level = large.at(-1)?.level;
  const start = large.findLastIndex((piece) => piece.level !== level) + 1;
  const row = large.slice(start);
  return row.length < LARGE_OF_ONE_LEVEL ? [] : row;
}
