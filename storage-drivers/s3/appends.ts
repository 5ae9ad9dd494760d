// Adds bytes to a staged write: as one piece if they are few, else in the parts of a multipart upload.
import { behind, chunksOf } from '../contents.ts';
import type { StagedWrite } from '../driver.ts';
import type { Bucket } from './bucket.ts';
import { absorbed, compacted } from './compaction.ts';
import { compose } from './copies.ts';
import { abandon, beginMarked, type MarkedUpload, newId } from './multipart.ts';
import { createPartMemory, cutIntoParts, type Part, partLength, runSome } from './parts.ts';
import { pieceKey, readPieces, sourcesOf } from './pieces.ts';
import { LEAST_PART_LENGTH, type Lengths } from './settings.ts';
import { type Detail, largePieces, markerName, pieceName, smallPieces } from './staged-detail.ts';

/** Parts on their way at the same time, while the next one is gathered. */
const PARTS_AT_ONCE = 2;

export interface Appends {
  /**
   * Stores the content and resolves to what the write has then to remember, `before` if there was nothing to store. Throws
   * what the content throws and the SDK's errors; what was stored by then is given up.
   */
  add(write: StagedWrite, before: Detail, content: AsyncIterable<Uint8Array>): Promise<Detail>;
}

export function createAppends(bucket: Bucket, lengths: Lengths): Appends {
  const memory = createPartMemory(lengths.part);
  return {
    add(write, before, content) {
      if (before.held === undefined) return add(write, before, content);
      // They are the first bytes of the content now, and what they become is an object.
      const { holds: _none, held: _first, ...unheld } = write;
      return add(unheld, { pieces: [], stale: [] }, chunksOf(behind(before.held, content)));
    },
  };

  async function add(
    write: StagedWrite,
    before: Detail,
    content: AsyncIterable<Uint8Array>,
  ): Promise<Detail> {
    const present = before.upload?.parts.length ?? 0;
    const parts = cutIntoParts(content, (index) => partLength(present + index, lengths.part), memory);
    try {
      const { value: first } = await parts.next();
      if (first === undefined || (first.isLast && first.bytes.length === 0)) return before;
      if (first.isLast && write.size === 0 && first.bytes.length <= (write.holds ?? 0)) {
        return { held: first.bytes, pieces: [], stale: [] };
      }
      if (first.isLast) return await addPiece(write.key, before, first.bytes);
      const head = await readPieces(bucket, write.key, smallPieces(before));
      return await addParts(write, before, startingWith(head, first, parts));
    } finally {
      await parts.return(undefined);
    }
  }

  /** Adds less than a part and a half. */
  async function addPiece(stagedKey: string, before: Detail, bytes: Uint8Array): Promise<Detail> {
    const merged = absorbed(smallPieces(before), bytes.length);
    const kept = before.pieces.slice(0, before.pieces.length - merged.length);
    const stale = merged.map(({ id }) => pieceName(id));
    const whole = joined(await readPieces(bucket, stagedKey, merged), bytes);
    if (before.upload !== undefined && whole.length >= LEAST_PART_LENGTH) {
      const upload = await grow(before.upload, [{ bytes: whole, isLast: true }]);
      return { upload, pieces: kept, stale };
    }
    const level = merged.reduce((highest, piece) => Math.max(highest, piece.level + 1), 0);
    const piece = { id: newId(), size: whole.length, level: whole.length < LEAST_PART_LENGTH ? level : 0 };
    await bucket.put(pieceKey(stagedKey, piece.id), whole);
    return compact(stagedKey, { ...before, pieces: [...kept, piece], stale });
  }

  /** Adds parts, which begin with the small pieces of the write: only large ones can have others behind them. */
  async function addParts(write: StagedWrite, before: Detail, parts: AsyncIterable<Part>): Promise<Detail> {
    const stale = smallPieces(before).map(({ id }) => pieceName(id));
    const pieces = largePieces(before);
    // Parts that a failure leaves in it are named by nobody, and go with the upload.
    if (before.upload !== undefined) return { upload: await grow(before.upload, parts), pieces, stale };
    const id = newId();
    const isDirect = write.target !== undefined && pieces.length === 0;
    const key = isDirect ? write.target : pieceKey(write.key, id);
    const begun = { ...(await beginMarked(bucket, write.key, { key }, id)), size: 0, parts: [] };
    try {
      const upload = await grow(begun, parts);
      if (isDirect) return { upload, pieces, stale };
      await bucket.completeUpload(upload, upload.parts);
      const grown = [...pieces, { id, size: upload.size, level: 0 }];
      return await compact(write.key, { pieces: grown, stale: [...stale, markerName(id)] });
    } catch (error) {
      await abandon(bucket, write.key, begun);
      throw error;
    }
  }

  /** Sends parts behind those that an upload has. */
  async function grow<
    Upload extends MarkedUpload & { readonly size: number; readonly parts: readonly string[] },
  >(upload: Upload, parts: AsyncIterable<Part> | Iterable<Part>): Promise<Upload> {
    let { size } = upload;
    let number = upload.parts.length;
    async function* tasks() {
      for await (const { bytes } of parts) {
        size += bytes.length;
        number += 1;
        const partNumber = number;
        yield async (signal: AbortSignal) => {
          const etag = await bucket.uploadPart(upload, partNumber, bytes, signal);
          // Only now: what failed may still be on its way.
          memory.giveBack(bytes);
          return etag;
        };
      }
    }
    const added = await runSome(tasks(), PARTS_AT_ONCE);
    return { ...upload, size, parts: [...upload.parts, ...added] };
  }

  /** Merges large pieces inside the store where there are too many. If that fails now, the next append tries again. */
  async function compact(stagedKey: string, detail: Detail): Promise<Detail> {
    const merged = compacted(detail.pieces);
    const [first] = merged;
    if (first === undefined) return detail;
    const id = newId();
    const sources = sourcesOf(stagedKey, merged);
    try {
      await compose(bucket, lengths, stagedKey, { sources }, { key: pieceKey(stagedKey, id) });
    } catch {
      return detail;
    }
    const size = sources.reduce((sum, source) => sum + source.size, 0);
    const start = detail.pieces.indexOf(first);
    const pieces = detail.pieces.toSpliced(start, merged.length, { id, size, level: first.level + 1 });
    return { ...detail, pieces, stale: [...detail.stale, ...merged.map((piece) => pieceName(piece.id))] };
  }
}

function joined(head: readonly Uint8Array[], bytes: Uint8Array): Uint8Array {
  return head.length === 0 ? bytes : Buffer.concat([...head, bytes]);
}

async function* startingWith(
  head: readonly Uint8Array[],
  first: Part,
  others: AsyncIterable<Part>,
): AsyncGenerator<Part> {
  yield { ...first, bytes: joined(head, first.bytes) };
  yield* others;
}
