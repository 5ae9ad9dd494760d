// The objects below a staged key that hold its bytes.
import type { Bucket } from './bucket.ts';
import type { Source } from './copies.ts';
import { MissingObject } from './errors.ts';
import { readObject } from './objects.ts';
import { runSome } from './parts.ts';
import { type Detail, markerName, type Piece, pieceName } from './staged-detail.ts';

const READ_AT_ONCE = 8;

export function pieceKey(stagedKey: string, id: string): string {
  return `${stagedKey}/${pieceName(id)}`;
}

/** Pieces as what a copy is made of. */
export function sourcesOf(stagedKey: string, pieces: readonly Piece[]): Source[] {
  return pieces.map(({ id, size }) => ({ key: pieceKey(stagedKey, id), size }));
}

/** The bytes of small pieces, in order. Throws the SDK's errors. */
export async function readPieces(
  bucket: Bucket,
  stagedKey: string,
  pieces: readonly Piece[],
): Promise<Uint8Array[]> {
  const reads = pieces.map(
    ({ id }) =>
      () =>
        readObject(bucket, pieceKey(stagedKey, id)),
  );
  return runSome(reads, READ_AT_ONCE);
}

/** Throws MissingObject if something is gone that the write needs. */
export async function requireAll(
  bucket: Bucket,
  stagedKey: string,
  { upload, pieces }: Detail,
): Promise<void> {
  const needed = new Set(pieces.map(({ id }) => pieceKey(stagedKey, id)));
  if (upload !== undefined) needed.add(`${stagedKey}/${markerName(upload.id)}`);
  let from: string | undefined;
  while (needed.size > 0) {
    const page = await bucket.page(`${stagedKey}/`, { from });
    for (const key of page.keys) needed.delete(key);
    from = page.next;
    if (from === undefined) break;
  }
  if (needed.size > 0) throw new MissingObject(`gone: ${[...needed].join(', ')}`);
}

/** Deletes what nobody needs any more. What stays goes with the staged key; nobody has to be told. */
export async function forget(bucket: Bucket, stagedKey: string, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  await bucket.removeAll(names.map((name) => `${stagedKey}/${name}`)).catch(() => undefined);
}
