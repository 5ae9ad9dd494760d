// One bucket and what is asked of it: the requests of S3 with the same words everywhere, on the keys of the driver.
import * as S3 from '@aws-sdk/client-s3';
import { createBufferPool } from '../buffer-pool.ts';
import type { ObjectStat } from '../driver.ts';
import type { Clients } from './clients.ts';
import { rootPrefix, type S3Settings } from './settings.ts';

export interface Found extends ObjectStat {
  /** As the store has it, with quotes. */
  readonly etag: string;
  /** Which multipart upload of ours made the object, if one did. */
  readonly mark: string | undefined;
}

export interface Page {
  /** Keys of objects, without the root directory. */
  readonly keys: readonly string[];
  /** Prefixes up to the delimiter, which is the last character. */
  readonly prefixes: readonly string[];
  /** Where the next page begins; undefined on the last one. */
  readonly next: string | undefined;
}

export interface PageOptions {
  readonly delimiter?: '/';
  readonly limit?: number;
  /** A key after which to begin. */
  readonly after?: string;
  /** `next` of the page before. */
  readonly from?: string | undefined;
}

export interface MultipartUpload {
  readonly key: string;
  readonly uploadId: string;
}

/** The names of the metadata that say which multipart upload made an object, and what was said of its bytes. */
const MARK = 'berth-write';
const SEAL = 'berth-seal';
const CONTENT_TYPE = 'application/octet-stream';
/** The most that one request deletes: a rule of S3. */
const DELETED_AT_ONCE = 1000;

export type Bucket = ReturnType<typeof openBucket>;

/** Nothing is asked before a function is called. They throw the SDK's errors, after it has tried again where that helps. */
export function openBucket({ calls, bodies }: Clients, settings: S3Settings) {
  const Bucket = settings.bucket;
  const root = rootPrefix(settings);
  const made = newObjectHeaders(settings);
  const nameOf = (key: string) => `${root}${key}`;
  const keyOf = (name: string) => name.slice(root.length);

  return {
    nameOf,
    /** The memory that readers of its objects share. */
    pool: createBufferPool(),

    async put(key: string, content: Uint8Array, seal?: string): Promise<void> {
      const Metadata = metadataOf({ seal });
      await calls.send(
        new S3.PutObjectCommand({ Bucket, Key: nameOf(key), Body: content, Metadata, ...made }),
      );
    },

    async head(key: string): Promise<Found> {
      return foundIn(await calls.send(new S3.HeadObjectCommand({ Bucket, Key: nameOf(key) })));
    },

    /** Opens an object. `range` is the header's value; `etag` refuses any other version of the object. */
    get(key: string, { range: Range, etag: IfMatch }: { range?: string; etag?: string } = {}) {
      return bodies.send(new S3.GetObjectCommand({ Bucket, Key: nameOf(key), Range, IfMatch }));
    },

    async page(prefix: string, { delimiter, limit = 1000, after, from }: PageOptions = {}): Promise<Page> {
      const answer = await calls.send(
        new S3.ListObjectsV2Command({
          Bucket,
          Prefix: nameOf(prefix),
          Delimiter: delimiter,
          MaxKeys: limit,
          StartAfter: after === undefined ? undefined : nameOf(after),
          ContinuationToken: from,
        }),
      );
      return {
        keys: (answer.Contents ?? []).map(({ Key = '' }) => keyOf(Key)),
        prefixes: (answer.CommonPrefixes ?? []).map(({ Prefix = '' }) => keyOf(Prefix)),
        next: answer.IsTruncated === true ? answer.NextContinuationToken : undefined,
      };
    },

    remove,

    /** Deletes all of them, whether they are there or not. Throws if the store kept one. */
    async removeAll(keys: readonly string[]): Promise<void> {
      const [only] = keys;
      if (keys.length === 1 && only !== undefined) return remove(only);
      for (let start = 0; start < keys.length; start += DELETED_AT_ONCE) {
        const Objects = keys.slice(start, start + DELETED_AT_ONCE).map((key) => ({ Key: nameOf(key) }));
        const { Errors: [failed] = [] } = await calls.send(
          new S3.DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }),
        );
        if (failed === undefined) continue;
        throw Object.assign(new Error(`${failed.Key} was not deleted: ${failed.Message ?? failed.Code}`), {
          name: failed.Code ?? 'Unknown',
        });
      }
    },

    async copy(
      source: string,
      key: string,
      seal: string | undefined,
      abortSignal: AbortSignal,
    ): Promise<void> {
      const command = new S3.CopyObjectCommand({
        Bucket,
        Key: nameOf(key),
        CopySource: sourceName(source),
        MetadataDirective: 'REPLACE',
        Metadata: metadataOf({ seal }),
        ...made,
      });
      await calls.send(command, { abortSignal });
    },

    /** Begins a multipart upload; `mark` and `seal` are kept with the object that it will make. */
    async beginUpload(key: string, mark: string, seal?: string): Promise<MultipartUpload> {
      const Metadata = metadataOf({ mark, seal });
      const { UploadId: uploadId } = await calls.send(
        new S3.CreateMultipartUploadCommand({ Bucket, Key: nameOf(key), Metadata, ...made }),
      );
      if (uploadId === undefined) throw new Error('the store began a multipart upload without a name');
      return { key, uploadId };
    },

    async uploadPart(
      upload: MultipartUpload,
      PartNumber: number,
      Body: Uint8Array,
      abortSignal: AbortSignal,
    ): Promise<string> {
      const command = new S3.UploadPartCommand({ ...partOf(upload), PartNumber, Body });
      return etagOf((await calls.send(command, { abortSignal })).ETag);
    },

    /** Copies the bytes from `start` to `end` (inclusive) of an object into a part. */
    async copyPart(
      upload: MultipartUpload,
      PartNumber: number,
      source: { readonly key: string; readonly start: number; readonly end: number },
      abortSignal: AbortSignal,
    ): Promise<string> {
      const command = new S3.UploadPartCopyCommand({
        ...partOf(upload),
        PartNumber,
        CopySource: sourceName(source.key),
        CopySourceRange: `bytes=${source.start}-${source.end}`,
      });
      return etagOf((await calls.send(command, { abortSignal })).CopyPartResult?.ETag);
    },

    async completeUpload(upload: MultipartUpload, etags: readonly string[]): Promise<void> {
      const Parts = etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 }));
      await calls.send(
        new S3.CompleteMultipartUploadCommand({ ...partOf(upload), MultipartUpload: { Parts } }),
      );
    },

    async abortUpload(upload: MultipartUpload): Promise<void> {
      await calls.send(new S3.AbortMultipartUploadCommand(partOf(upload)));
    },

    /** Throws if there is no such upload, or no more. */
    async requireUpload(upload: MultipartUpload): Promise<void> {
      await calls.send(new S3.ListPartsCommand({ ...partOf(upload), MaxParts: 1 }));
    },

    /** All multipart uploads under way whose key begins so. */
    async uploadsBelow(prefix: string): Promise<MultipartUpload[]> {
      const found: MultipartUpload[] = [];
      let from: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {};
      while (from !== undefined) {
        const command = new S3.ListMultipartUploadsCommand({ Bucket, Prefix: nameOf(prefix), ...from });
        const answer: S3.ListMultipartUploadsCommandOutput = await calls.send(command);
        for (const { Key = '', UploadId: uploadId = '' } of answer.Uploads ?? []) {
          found.push({ key: keyOf(Key), uploadId });
        }
        const { IsTruncated, NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = answer;
        from = IsTruncated === true ? { KeyMarker, UploadIdMarker } : undefined;
      }
      return found;
    },
  };

  async function remove(key: string): Promise<void> {
    await calls.send(new S3.DeleteObjectCommand({ Bucket, Key: nameOf(key) }));
  }

  function partOf({ key, uploadId: UploadId }: MultipartUpload) {
    return { Bucket, Key: nameOf(key), UploadId };
  }

  function sourceName(key: string): string {
    return [Bucket, ...nameOf(key).split('/')].map(encodeURIComponent).join('/');
  }
}

/** What an answer says of an object. The size of a part is that of the whole object. */
export function foundIn(answer: S3.HeadObjectCommandOutput | S3.GetObjectCommandOutput): Found {
  const total = /\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1];
  const size = total === undefined ? answer.ContentLength : Number(total);
  const { ETag: etag, LastModified: modifiedAt } = answer;
  if (size === undefined || etag === undefined || modifiedAt === undefined) {
    throw new Error('the store does not say how long, how old or which version an object is');
  }
  const version = `${etag.replaceAll('"', '')}-${size.toString(36)}`;
  const { [MARK]: mark, [SEAL]: seal } = answer.Metadata ?? {};
  return { size, version, modifiedAt, etag, mark, ...(seal !== undefined && { seal }) };
}

function metadataOf({ mark, seal }: { mark?: string; seal?: string | undefined }): Record<string, string> {
  return { ...(mark !== undefined && { [MARK]: mark }), ...(seal !== undefined && { [SEAL]: seal }) };
}

function newObjectHeaders({ encrypt, keyid, storageclass, objectacl }: S3Settings) {
  return {
    ContentType: CONTENT_TYPE,
    // Private is what a new object is anyway, and a bucket without ACLs need not be asked for it.
    ...(objectacl && objectacl !== 'private' && { ACL: objectacl as S3.ObjectCannedACL }),
    ...(storageclass && storageclass !== 'NONE' && { StorageClass: storageclass as S3.StorageClass }),
    ...(encrypt &&
      (keyid
        ? { ServerSideEncryption: 'aws:kms' as const, SSEKMSKeyId: keyid }
        : { ServerSideEncryption: 'AES256' as const })),
  };
}

function etagOf(etag: string | undefined): string {
  if (etag === undefined || etag === '') throw new Error('the store took a part without saying its ETag');
  return etag;
}
