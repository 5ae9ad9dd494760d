// The contract of what the registries keep their content in while they are measured.

export const storeKinds = ['directory', 's3'] as const;

export type StoreKind = (typeof storeKinds)[number];

/** An empty place that one registry has for itself. */
export interface Place {
  /** The `storage` section of the configuration file, as far as it says where. */
  readonly storage: Readonly<Record<string, unknown>>;
  /** A directory on the file system that takes the bytes in the end. */
  readonly directory: string;
  /** Removes blobs that were pushed, so that a run needs the space of one round only. */
  discardBlobs(digests: readonly string[]): Promise<void>;
}

/** A bucket, and who may use it. Plain JSON: it goes to the load process. */
export interface BucketAddress {
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly bucket: string;
}

/** A bucket without a registry in front of it: what an S3 client reaches alone. */
export interface BarePlace {
  readonly address: BucketAddress;
  readonly directory: string;
  discardBlobs(digests: readonly string[]): Promise<void>;
}

export interface Store {
  /** `name`: of the registry. */
  createPlace(name: string): Promise<Place>;
  /** Absent where bytes are kept without a client that could be measured. */
  createBarePlace?(): Promise<BarePlace>;
}
