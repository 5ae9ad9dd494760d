// Buckets of one S3 gateway (Ceph), which is started for the run. The registries give the bytes away themselves: they do not
// redirect.
import { DeleteObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { type S3Store, settingsFor, startS3Store } from '../../test/support/s3-store.ts';
import { blobFolder } from './blob-folder.ts';
import type { Store } from './store.ts';

/** `directory`: on the file system that takes the gateway's data. What is started ends with `tidy`. */
export async function startS3Buckets(directory: string, tidy: AsyncDisposableStack): Promise<Store> {
  const store = await startS3Store({ after: (fn) => tidy.defer(fn) });
  const client = store.client();
  tidy.defer(async () => client.destroy());
  return {
    async createPlace() {
      const bucket = await store.createBucket();
      return {
        storage: {
          // Else the server under test would have been given a directory as well.
          filesystem: undefined,
          s3: { ...settingsFor(store, { bucket }), secure: false, v4auth: true },
          redirect: { disable: true },
        },
        directory,
        discardBlobs: (digests) =>
          removeAll(
            client,
            bucket,
            digests.map((digest) => `${blobFolder(digest)}/data`),
          ),
      };
    },
    async createBarePlace() {
      const bucket = await store.createBucket();
      return {
        address: { ...addressOf(store), bucket },
        directory,
        discardBlobs: (digests) => removeAll(client, bucket, digests),
      };
    },
  };
}

function addressOf({ endpoint, region, accessKey, secretKey }: S3Store) {
  return { endpoint, region, accessKey, secretKey };
}

async function removeAll(client: S3Client, bucket: string, keys: readonly string[]): Promise<void> {
  for (const Key of keys) await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
}
