// Objects in a bucket: the key `a/b` is the object `<rootdirectory>/a/b`, just as the `registry` image has it, so that either
// can work on a bucket of the other.
//
// Objects are made by PutObject, CopyObject or CompleteMultipartUpload, each of which shows the whole of it in one step. A
// staged write is not an object that grows, which S3 does not have. It is, under its staged key:
//
//   <staged key>/piece.<id>         bytes of the write; never changed after they were put, so that any state of the write that
//                                   names them can be gone on with, and a request that is sent twice does no harm
//   <staged key>/multipart.<id>     a marker: a multipart upload is under way, and where
//
// The detail of the write (staged-detail.ts) names the pieces in order. What it does not name is garbage of an attempt that
// failed, which nobody reads, and which goes with the staged key. In the order in which it happens:
//
//   append, up to 15 MiB   PUT piece. With small pieces before it that make 5 MiB together, or 32 of a kind, they are read and
//                          put again as one with it (compaction.ts): no piece is smaller than 5 MiB for long
//   append, longer         CreateMultipartUpload on a new piece, PUT marker, parts (two on their way while the next one is
//                          gathered), Complete. It begins with the small pieces that were there, and is one large piece
//   append with a target   the same, but on the target itself and without Complete: the detail keeps the ETags of the parts
//   commit                 one piece: CopyObject, or in parts if it is long. Several: a multipart upload on the key, of
//                          copied parts, the small pieces at the end as its last part. On the target: Complete. Then the
//                          pieces and markers are deleted; if that fails, they are garbage
//   abort, delete          the uploads that the markers name are ended, then everything below the key is deleted
//
// Every request can be made again: pieces and markers have fresh names, parts are named by their ETags, and whether an upload
// was completed is seen at its object (multipart.ts). One thing is beyond reach: an upload that the store began on a target
// while its answer was lost. It has no parts, takes no space, and ends by a lifecycle rule of the bucket, if there is one.
//
// Pieces that a merge replaced are deleted one append later, so that the state before the merge is good until the one
// after it has come back.
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { chunksOf } from '../contents.ts';
import type { SmallObject, StorageDriver } from '../driver.ts';
import { DriverError } from '../errors.ts';
import { watchSource } from '../watched-source.ts';
import { type Bucket, openBucket } from './bucket.ts';
import { createClients } from './clients.ts';
import { removeTree } from './deletion.ts';
import { asDriverError, hasName, meaningOf } from './errors.ts';
import { listPrefix } from './listing.ts';
import { openObject, readObject } from './objects.ts';
import { lengthsOf, type S3Settings } from './settings.ts';
import { createStagedWrites } from './staged-writes.ts';

const NAME = 's3';

/**
 * Opens the bucket and looks whether it can be listed. Throws a DriverError with the action `open`: `busy` if it cannot be
 * reached (after some seconds), `denied` with the wrong keys, else `failed`, each with what is wrong as its cause.
 */
export async function createS3Driver(settings: S3Settings): Promise<StorageDriver> {
  const { bucket, signer, staged } = await run('open', '', async () => {
    if (settings.region === undefined && settings.regionendpoint === undefined) {
      throw new TypeError('a region or a regionendpoint is needed');
    }
    if ((settings.accesskey === undefined) !== (settings.secretkey === undefined)) {
      throw new TypeError('accesskey and secretkey belong together');
    }
    const lengths = lengthsOf(settings);
    const clients = createClients(settings);
    const bucket = openBucket(clients, settings);
    await tryToList(bucket, settings);
    return { bucket, signer: clients.signer, staged: createStagedWrites(bucket, lengths) };
  });

  return {
    name: NAME,

    read: (key) => run('read', key, () => readObject(bucket, key)),

    write: (key, content, { seal, after, followers } = {}) =>
      run('write', key, async () => {
        await after;
        await bucket.put(key, content, seal);
        await putBehind(followers);
        return { isKept: seal !== undefined };
      }),

    stat: (key) =>
      run('stat', key, async () => {
        const { size, version, modifiedAt, seal } = await bucket.head(key);
        return { size, version, modifiedAt, ...(seal !== undefined && { seal }) };
      }),

    openRead: (key, range) =>
      run('openRead', key, () => openObject(bucket, key, range, translator('openRead', key))),

    list: (prefix, options = {}) => run('list', prefix, () => listPrefix(bucket, prefix, options)),

    delete: (key, { alone = false } = {}) =>
      run('delete', key, () => (alone ? bucket.remove(key) : removeTree(bucket, key))),

    async append(write, content) {
      const source = watchSource(content);
      try {
        return await staged.append(write, chunksOf(source.content));
      } catch (error) {
        throw source.threw(error) ? error : translator('append', write.key)(error);
      }
    },

    openStaged: (write) =>
      run('openStaged', write.key, () => staged.open(write, translator('openStaged', write.key))),

    commit: (write, key, { seal, followers } = {}) =>
      run('commit', write.key, async () => {
        const sealing = await staged.commit(write, { key, seal });
        await putBehind(followers);
        return sealing;
      }),

    abort: (write) => run('abort', write.key, () => staged.abort(write)),

    presignRead: (key, { seconds }) =>
      run('presignRead', key, () => {
        const command = new GetObjectCommand({ Bucket: settings.bucket, Key: bucket.nameOf(key) });
        return getSignedUrl(signer, command, { expiresIn: seconds });
      }),
  };

  async function putBehind(followers: readonly SmallObject[] = []): Promise<void> {
    for (const { key, content } of followers) await bucket.put(key, content);
  }
}

function translator(action: string, key: string) {
  return (error: unknown) => asDriverError(error, { driver: NAME, action, key });
}

async function run<T>(action: string, key: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw translator(action, key)(error);
  }
}

async function tryToList(bucket: Bucket, settings: S3Settings): Promise<void> {
  try {
    await bucket.page('', { limit: 1 });
  } catch (error) {
    const where = `bucket ${settings.bucket} at ${settings.regionendpoint ?? `Amazon S3, ${settings.region}`}`;
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const isMissing = hasName(error, 'NoSuchBucket');
    const cause = new Error(isMissing ? `there is no ${where}` : `${where}: ${reason}`, { cause: error });
    const meaning = meaningOf(error);
    throw new DriverError(meaning === 'keyNotFound' ? 'failed' : meaning, {
      driver: NAME,
      action: 'open',
      key: '',
      cause,
    });
  }
}
