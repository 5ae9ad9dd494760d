// Multipart uploads from their beginning to their end. Each has a marker, `<staged key>/multipart.<id>`, from before its first
// part until after its last request, so that whoever deletes the staged key finds the upload and ends it, wherever its key is.
import { randomBytes } from 'node:crypto';
import type { Bucket, Found, MultipartUpload } from './bucket.ts';
import { isAbsence, MissingObject } from './errors.ts';
import { readObject } from './objects.ts';
import { markerName } from './staged-detail.ts';

/** A multipart upload with the id under which its marker is kept, and its object marked. */
export interface MarkedUpload extends MultipartUpload {
  readonly id: string;
}

/** What becomes of an upload: an object under the key, with this seal. */
export interface Made {
  readonly key: string;
  readonly seal?: string | undefined;
}

export function newId(): string {
  return randomBytes(8).toString('hex');
}

/** Begins an upload for a staged write. */
export async function beginMarked(
  bucket: Bucket,
  stagedKey: string,
  { key, seal }: Made,
  id: string,
): Promise<MarkedUpload> {
  const upload = { ...(await bucket.beginUpload(key, id, seal)), id };
  try {
    await bucket.put(markerKey(stagedKey, id), Buffer.from(JSON.stringify(upload)));
    return upload;
  } catch (error) {
    await endQuietly(bucket, upload);
    throw error;
  }
}

/** Gives an upload up as well as possible; what stays is found by its marker. */
export async function abandon(bucket: Bucket, stagedKey: string, upload: MarkedUpload): Promise<void> {
  if (!(await endQuietly(bucket, upload))) return;
  await bucket.remove(markerKey(stagedKey, upload.id)).catch(() => undefined);
}

/** Ends an upload, if there is still one. */
export async function endUpload(bucket: Bucket, upload: MultipartUpload): Promise<void> {
  await bucket.abortUpload(upload).catch((error: unknown) => {
    if (!isAbsence(error)) throw error;
  });
}

/** Ends the upload that a marker names, if it is one. */
export async function endMarked(bucket: Bucket, marker: string): Promise<void> {
  const content = await readObject(bucket, marker).catch((error: unknown) => {
    if (!isAbsence(error)) throw error;
  });
  const upload = content && parseMarker(content);
  if (upload !== undefined) await endUpload(bucket, upload);
}

/** Takes the marker of an upload away that has been completed. If it stays, nobody is misled. */
export async function forgetMarker(bucket: Bucket, stagedKey: string, id: string): Promise<void> {
  await bucket.remove(markerKey(stagedKey, id)).catch(() => undefined);
}

/**
 * Completes an upload on a key that others may write too, with the parts that `finishParts` comes to, and makes sure of it:
 * stores answer 200 for an upload that they do not have (Ceph, where there is an object), and NoSuchUpload to the second try
 * after the answer to the first one was lost. What counts is the object: it has this upload's mark, or it was replaced
 * meanwhile by somebody who came later. Can be called again after it failed. Throws MissingObject if the upload was gone.
 */
export async function completeForSure(
  bucket: Bucket,
  upload: MarkedUpload,
  finishParts: () => Promise<readonly string[]>,
): Promise<void> {
  const before = await headIfThere(bucket, upload.key);
  if (before?.mark === upload.id) return;
  const etags = await finishParts();
  let failure: unknown;
  await bucket.completeUpload(upload, etags).catch((error: unknown) => {
    failure = error;
  });
  // In this order: the upload goes when the object is there.
  const isGone = failure === undefined || !(await isThere(bucket, upload));
  const after = await headIfThere(bucket, upload.key);
  if (after?.mark === upload.id) return;
  if (!isGone) throw failure;
  if (after === undefined || !differs(before, after)) {
    throw new MissingObject('the multipart upload is gone', { cause: failure });
  }
}

function markerKey(stagedKey: string, id: string): string {
  return `${stagedKey}/${markerName(id)}`;
}

/** Whether it has ended. */
async function endQuietly(bucket: Bucket, upload: MultipartUpload): Promise<boolean> {
  try {
    await endUpload(bucket, upload);
    return true;
  } catch {
    return false;
  }
}

/** Whether the upload is still under way. When in doubt it is: whoever asked tries again. */
async function isThere(bucket: Bucket, upload: MultipartUpload): Promise<boolean> {
  try {
    await bucket.requireUpload(upload);
    return true;
  } catch (error) {
    return !isAbsence(error);
  }
}

async function headIfThere(bucket: Bucket, key: string): Promise<Found | undefined> {
  try {
    return await bucket.head(key);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

function differs(before: Found | undefined, after: Found | undefined): boolean {
  const nameOf = (found: Found | undefined) =>
    `${found?.mark} ${found?.version} ${found?.modifiedAt.getTime()}`;
  return nameOf(before) !== nameOf(after);
}

function parseMarker(content: Uint8Array): MultipartUpload | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(content).toString());
    if (typeof parsed !== 'object' || parsed === null || !('key' in parsed) || !('uploadId' in parsed))
      return undefined;
    const { key, uploadId } = parsed;
    return typeof key === 'string' && typeof uploadId === 'string' ? { key, uploadId } : undefined;
  } catch {
    return undefined;
  }
}
