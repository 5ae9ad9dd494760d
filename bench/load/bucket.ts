// Blobs in a bucket by the AWS SDK alone, under their digests: what a registry in front of the bucket is held against.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { BucketAddress } from '../stores/store.ts';
import { WrongAnswer } from './connection.ts';
import { type PreparedBlob, piecesOf } from './content.ts';

/** The registries' own default. */
const PART_BYTES = 10 * 1024 * 1024;

/** A multipart upload out of a stream, with the SDK's own default of four parts on their way at once. */
export async function uploadBlob(address: BucketAddress, blob: PreparedBlob): Promise<void> {
  const client = createClient(address);
  try {
    const params = { Bucket: address.bucket, Key: blob.digest, Body: Readable.from(piecesOf(blob)) };
    await new Upload({ client, params, partSize: PART_BYTES }).done();
  } finally {
    client.destroy();
  }
}

/** Drops the bytes. Throws `WrongAnswer` if they are not `size`. */
export async function downloadBlob(address: BucketAddress, digest: string, size: number): Promise<void> {
  let received = 0;
  await readObject(address, digest, (bytes) => {
    received += bytes.length;
  });
  if (received !== size) throw new WrongAnswer(`${digest} has ${received} bytes, not ${size}`);
}

/** Throws `WrongAnswer` if the bytes are not what the digest says. */
export async function verifyObject(address: BucketAddress, digest: string): Promise<void> {
  const hash = createHash('sha256');
  await readObject(address, digest, (bytes) => void hash.update(bytes));
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== digest) throw new WrongAnswer(`the bytes of ${digest} have the digest ${actual}`);
}

async function readObject(
  address: BucketAddress,
  key: string,
  take: (bytes: Uint8Array) => void,
): Promise<void> {
  const client = createClient(address);
  try {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: address.bucket, Key: key }));
    if (!(Body instanceof Readable)) throw new WrongAnswer(`${key} was answered without a body`);
    for await (const bytes of Body) take(bytes);
  } finally {
    client.destroy();
  }
}

/** As it comes, but for the checksums of its own, which not every store understands. */
function createClient({ endpoint, region, accessKey, secretKey }: BucketAddress): S3Client {
  return new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}
