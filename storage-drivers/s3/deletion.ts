// Takes objects away, and everything below them, with the multipart uploads that are under way there.
import type { Bucket } from './bucket.ts';
import { hasName } from './errors.ts';
import { endMarked, endUpload } from './multipart.ts';
import { isMarker } from './staged-detail.ts';

/** Requests at the same time for uploads that are ended. */
const ENDED_AT_ONCE = 8;

/** Removes the object under the key and all below `key/`. Resolves also when there was nothing. Throws the SDK's errors. */
export async function removeTree(bucket: Bucket, key: string): Promise<void> {
  await Promise.all([bucket.remove(key), removeBelow(bucket, key)]);
}

async function removeBelow(bucket: Bucket, key: string): Promise<void> {
  const { keys, next } = await bucket.page(`${key}/`);
  if (keys.length === 0) return;
  await Promise.all([endUploadsBelow(bucket, key), removeObjects(bucket, keys)]);
  // What was deleted is not listed again.
  if (next !== undefined) await removeBelow(bucket, key);
}

/** A marker goes when its upload has ended: a deletion that broke off finds it again. */
async function removeObjects(bucket: Bucket, keys: readonly string[]): Promise<void> {
  await inTurns(keys.filter(isMarker), (marker) => endMarked(bucket, marker));
  await bucket.removeAll(keys);
}

/** Ends uploads without a marker, as the `registry` image leaves them. */
async function endUploadsBelow(bucket: Bucket, key: string): Promise<void> {
  const uploads = await bucket.uploadsBelow(key).catch((error: unknown) => {
    // Our own have been ended by their markers.
    if (!hasName(error, 'NotImplemented')) throw error;
    return [];
  });
  const below = uploads.filter((upload) => upload.key === key || upload.key.startsWith(`${key}/`));
  await inTurns(below, (upload) => endUpload(bucket, upload));
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < items.length; start += ENDED_AT_ONCE) {
    await Promise.all(items.slice(start, start + ENDED_AT_ONCE).map(work));
  }
}
