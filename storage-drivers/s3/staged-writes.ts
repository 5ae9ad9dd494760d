// Large objects on their way in. What lies in the bucket meanwhile, and in which order it comes and goes: s3-driver.ts.
import type { ObjectReader, Sealing, StagedWrite } from '../driver.ts';
import { openHeldBytes } from '../held-bytes.ts';
import { createAppends } from './appends.ts';
import type { Bucket } from './bucket.ts';
import { addParts, compose, copyObject } from './copies.ts';
import { removeTree } from './deletion.ts';
import { completeForSure, endUpload, type Made } from './multipart.ts';
import { forget, readPieces, requireAll, sourcesOf } from './pieces.ts';
import type { Lengths } from './settings.ts';
import {
  type Detail,
  type DirectUpload,
  detailOf,
  largePieces,
  markerName,
  pieceName,
  smallPieces,
  writeWith,
} from './staged-detail.ts';
import { openPieces } from './staged-reader.ts';

/** All of these throw the SDK's errors, and MissingObject if bytes of the write are gone. */
export interface StagedWrites {
  append(write: StagedWrite, content: AsyncIterable<Uint8Array>): Promise<StagedWrite>;
  open(write: StagedWrite, translate: (error: unknown) => Error): Promise<ObjectReader>;
  /** The seal is not kept by an upload that was begun without it. */
  commit(write: StagedWrite, made: Made): Promise<Sealing>;
  abort(write: StagedWrite): Promise<void>;
}

export function createStagedWrites(bucket: Bucket, lengths: Lengths): StagedWrites {
  const appends = createAppends(bucket, lengths);

  return {
    async append(write, content) {
      const before = detailOf(write);
      await requireAll(bucket, write.key, before);
      const after = await appends.add(write, before, content);
      if (after === before) return write;
      await forget(bucket, write.key, before.stale);
      return writeWith(write, after);
    },

    async open(write, translate) {
      const detail = detailOf(write);
      if (detail.upload !== undefined) {
        throw new Error('what was staged for its target can only be read after the commit');
      }
      if (detail.held !== undefined) return openHeldBytes(detail.held);
      await requireAll(bucket, write.key, detail);
      return openPieces(bucket, sourcesOf(write.key, detail.pieces), write.size, translate);
    },

    async commit(write, made) {
      const detail = detailOf(write);
      if (detail.held !== undefined) await bucket.put(made.key, detail.held, made.seal);
      else if (detail.upload === undefined) await commitPieces(write.key, detail, made);
      else await commitUpload(write.key, detail, detail.upload, made.key);
      await forget(bucket, write.key, namesIn(detail));
      return { isKept: made.seal !== undefined && detail.upload === undefined };
    },

    async abort(write) {
      const upload = uploadIn(write);
      if (upload !== undefined) await endUpload(bucket, upload);
      await removeTree(bucket, write.key);
    },
  };

  async function commitPieces(stagedKey: string, detail: Detail, made: Made): Promise<void> {
    const { key, seal } = made;
    const [first, ...others] = sourcesOf(stagedKey, detail.pieces);
    if (first === undefined) return bucket.put(key, new Uint8Array(0), seal);
    if (others.length === 0) return copyObject(bucket, lengths, stagedKey, first, made);
    const ending = Buffer.concat(await readPieces(bucket, stagedKey, smallPieces(detail)));
    const sources = sourcesOf(stagedKey, largePieces(detail));
    if (sources.length === 0) return bucket.put(key, ending, seal);
    await compose(bucket, lengths, stagedKey, { sources, ending }, made);
  }

  /** The pieces of a write that has an upload are small. */
  async function commitUpload(
    stagedKey: string,
    { pieces }: Detail,
    upload: DirectUpload,
    key: string,
  ): Promise<void> {
    if (key !== upload.key) throw new Error(`staged for ${upload.key}, which it can only become`);
    await completeForSure(bucket, upload, async () => {
      const ending = Buffer.concat(await readPieces(bucket, stagedKey, pieces));
      const last = await addParts(bucket, lengths, upload, upload.parts.length, { sources: [], ending });
      return [...upload.parts, ...last];
    });
  }
}

/** The names of everything below the staged key that the detail knows of. */
function namesIn({ upload, pieces, stale }: Detail): string[] {
  return [...pieces.map(({ id }) => pieceName(id)), ...(upload ? [markerName(upload.id)] : []), ...stale];
}

function uploadIn(write: StagedWrite): DirectUpload | undefined {
  try {
    return detailOf(write).upload;
  } catch {
    return undefined;
  }
}
