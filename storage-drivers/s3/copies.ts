// Puts objects together into one, inside the store: none of the bytes come here.
import type { Bucket, MultipartUpload } from './bucket.ts';
import { meaningOf } from './errors.ts';
import { abandon, beginMarked, completeForSure, forgetMarker, type Made, newId } from './multipart.ts';
import { runSome } from './parts.ts';
import { LEAST_PART_LENGTH, type Lengths, MOST_COPIED_AT_ONCE } from './settings.ts';

export interface Source {
  readonly key: string;
  readonly size: number;
}

/** What a multipart upload is made of: objects that are copied, and at the very end bytes that are sent. */
export interface Ingredients {
  /** Each at least 5 MiB long, but the very last one. */
  readonly sources: readonly Source[];
  readonly ending?: Uint8Array | undefined;
}

type PartTask = (partNumber: number) => (signal: AbortSignal) => Promise<string>;

/** No upload may have more parts: a rule of S3. Some are left for the bytes at the end, and for uneven cuts. */
const MOST_PARTS = 9_000;
const COPY_PATIENCE_MS = 45_000;

/** Makes `key` a copy of an object. Throws the SDK's errors. */
export async function copyObject(
  bucket: Bucket,
  lengths: Lengths,
  stagedKey: string,
  source: Source,
  { key, seal }: Made,
): Promise<void> {
  if (source.size <= lengths.copiedWhole && (await copyWhole(bucket, source, { key, seal }))) return;
  await compose(bucket, lengths, stagedKey, { sources: [source] }, { key, seal });
}

/**
 * Copies in one request. Resolves to false if a long object takes the store too long: one that really copies it, and does
 * not only note down where the bytes are, does better with parts.
 */
async function copyWhole(bucket: Bucket, source: Source, { key, seal }: Made): Promise<boolean> {
  const patience = AbortSignal.timeout(COPY_PATIENCE_MS);
  try {
    await bucket.copy(source.key, key, seal, patience);
    return true;
  } catch (error) {
    if (source.size < 2 * LEAST_PART_LENGTH) throw error;
    if (patience.aborted || meaningOf(error) === 'busy') return false;
    throw error;
  }
}

/** Makes one object of several. The marker of its upload is kept below the staged key until it is done. */
export async function compose(
  bucket: Bucket,
  lengths: Lengths,
  stagedKey: string,
  ingredients: Ingredients,
  { key, seal }: Made,
): Promise<void> {
  const upload = await beginMarked(bucket, stagedKey, { key, seal }, newId());
  try {
    await completeForSure(bucket, upload, () => addParts(bucket, lengths, upload, 0, ingredients));
  } catch (error) {
    await abandon(bucket, stagedKey, upload);
    throw error;
  }
  await forgetMarker(bucket, stagedKey, upload.id);
}

/** Adds parts behind the first `present` ones of an upload and resolves to their ETags. */
export async function addParts(
  bucket: Bucket,
  lengths: Lengths,
  upload: MultipartUpload,
  present: number,
  { sources, ending }: Ingredients,
): Promise<string[]> {
  const total = sources.reduce((sum, { size }) => sum + size, 0);
  const length = Math.min(Math.max(lengths.copiedPart, Math.ceil(total / MOST_PARTS)), MOST_COPIED_AT_ONCE);
  const tasks = sources.flatMap((source) =>
    evenRanges(source.size, length).map(
      ({ start, end }): PartTask =>
        (number) =>
        (signal) =>
          bucket.copyPart(upload, number, { key: source.key, start, end }, signal),
    ),
  );
  if (ending !== undefined && ending.length > 0) {
    tasks.push((number) => (signal) => bucket.uploadPart(upload, number, ending, signal));
  }
  return runSome(
    tasks.map((task, index) => task(present + index + 1)),
    lengths.copiesAtOnce,
  );
}

/** Ranges that cover `size` bytes, none longer than `most` and all of nearly the same length: no last one is too short. */
export function evenRanges(size: number, most: number): { start: number; end: number }[] {
  const count = Math.max(1, Math.ceil(size / most));
  const edge = (index: number) => Math.floor((size * index) / count);
  return Array.from({ length: count }, (_, index) => ({ start: edge(index), end: edge(index + 1) - 1 }));
}
