// The stores that replicas can share: a directory, and a bucket.
import { type Cleaner, inReverse, privateDirectory } from './processes.ts';
import { replicaPrograms } from './replicas.ts';
import { type S3Store, settingsFor, startS3Store, whyNoS3Store } from './s3-store.ts';
import { whyNotHere } from './system-packages.ts';

export interface SharedStoreKind {
  readonly name: string;
  /** A reason why replicas on it cannot be tested here, or false. */
  readonly skip: string | false;
  /** The status of a blob that is pulled: 307 where the store itself gives it away. */
  readonly gives: 200 | 307;
  /** Makes an empty store that goes with the test; gives the driver's part of a `storage` section. */
  open(cleaner: Cleaner): Promise<object>;
}

const whyNoReplicas = whyNotHere(replicaPrograms);

/** A reason why replicas on a bucket cannot be tested here, or false. */
export const whyNoS3Replicas = whyNoReplicas || whyNoS3Store();

export const sharedStores: readonly SharedStoreKind[] = [
  {
    name: 'a shared directory',
    skip: whyNoReplicas,
    gives: 200,
    open: async (cleaner) => ({ filesystem: { rootdirectory: await privateDirectory('shared', cleaner) } }),
  },
  {
    name: 'a bucket',
    skip: whyNoS3Replicas,
    gives: 307,
    open: async (cleaner) => bucketOf(await startS3Store(inReverse(cleaner))),
  },
];

/**
 * A fresh bucket of the gateway as a driver's part of a `storage` section.
 * @param more settings of the driver, such as the endpoint of a proxy in front of the gateway
 */
export async function bucketOf(store: S3Store, more: object = {}): Promise<{ s3: object }> {
  return { s3: { ...settingsFor(store, { bucket: await store.createBucket() }), ...more } };
}
