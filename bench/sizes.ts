// How much each row does.

export interface Sizes {
  readonly largeBlobBytes: number;
  readonly streams: number;
  readonly streamBlobBytes: number;
  readonly images: number;
  readonly imagesAtOnce: number;
  readonly tags: number;
  readonly smallBlobBytes: number;
  readonly connections: number;
  /** Connections of a busy server. */
  readonly crowd: number;
  /** How long one run of wrk lasts. */
  readonly requestSeconds: number;
}

const MIB = 1024 ** 2;

export const fullSizes: Sizes = {
  largeBlobBytes: 1024 * MIB,
  streams: 16,
  streamBlobBytes: 32 * MIB,
  images: 160,
  imagesAtOnce: 16,
  tags: 100,
  smallBlobBytes: 4096,
  connections: 64,
  crowd: 256,
  requestSeconds: 2,
};

/** Requests to a store that keeps everything synced take many times as long as those to a directory. */
export const bucketSizes: Sizes = { ...fullSizes, images: 48 };

export const quickSizes: Sizes = {
  largeBlobBytes: 32 * MIB,
  streams: 4,
  streamBlobBytes: 2 * MIB,
  images: 8,
  imagesAtOnce: 4,
  tags: 10,
  smallBlobBytes: 4096,
  connections: 8,
  crowd: 32,
  requestSeconds: 1,
};

/** What the storage of one registry may grow to, in bytes. */
export function storageBytes({ largeBlobBytes, streams, streamBlobBytes }: Sizes): number {
  return 2 * (largeBlobBytes + streams * streamBlobBytes) + 256 * MIB;
}
