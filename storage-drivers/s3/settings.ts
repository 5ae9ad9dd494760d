// The settings of the driver, under the names that the `registry` image gives them, and what follows from them.

export const MIB = 1024 * 1024;
/** No part of a multipart upload may be smaller than this, but the last one: a rule of S3. */
export const LEAST_PART_LENGTH = 5 * MIB;
/** No single copy may be larger: a rule of S3. */
export const MOST_COPIED_AT_ONCE = 5 * 1024 * MIB;

export interface S3Settings {
  readonly bucket: string;
  /** Needed unless `regionendpoint` is set. */
  readonly region?: string | undefined;
  /** Where an S3 store other than Amazon's listens: a URL, or `host:port`. */
  readonly regionendpoint?: string | undefined;
  /**
   * Whether the bucket is named in the path instead of the host.
   * @default true with `regionendpoint`, else false
   */
  readonly forcepathstyle?: boolean | undefined;
  /** What all keys begin with. */
  readonly rootdirectory?: string | undefined;
  /** Without them the SDK looks in the environment, its files, and the machine's role. */
  readonly accesskey?: string | undefined;
  readonly secretkey?: string | undefined;
  /**
   * TLS, for a `regionendpoint` that does not say `http:` or `https:` itself.
   * @default true
   */
  readonly secure?: boolean | undefined;
  /** Whether any certificate is taken. */
  readonly skipverify?: boolean | undefined;
  /** Whether the store is asked to encrypt what it keeps. */
  readonly encrypt?: boolean | undefined;
  /** The KMS key to encrypt with. */
  readonly keyid?: string | undefined;
  /** `NONE` asks for none, for stores that know no classes. */
  readonly storageclass?: string | undefined;
  /** A canned ACL for new objects. */
  readonly objectacl?: string | undefined;
  /**
   * Length of the first thousand parts of an upload in bytes; later ones are longer, so that 10,000 parts are enough.
   * At least 5 MiB.
   * @default 10 MiB
   */
  readonly chunksize?: number | undefined;
  /** In bytes. @default 32 MiB */
  readonly multipartcopychunksize?: number | undefined;
  /** Parts that are copied at the same time. At most 100. @default 100 */
  readonly multipartcopymaxconcurrency?: number | undefined;
  /**
   * Objects up to this length are copied in one request. At most 5 GiB.
   * @default 32 MiB, and 5 GiB with `regionendpoint`: other stores mostly copy by reference what is copied whole
   */
  readonly multipartcopythresholdsize?: number | undefined;
  readonly accelerate?: boolean | undefined;
  readonly usedualstack?: boolean | undefined;
  readonly usefipsendpoint?: boolean | undefined;
  /** Put in front of the SDK's own words in the header `User-Agent`. */
  readonly useragent?: string | undefined;
  /** The endpoint that presigned URLs name, where clients reach the store by another one than this server. */
  readonly redirectendpoint?: string | undefined;
}

export interface Lengths {
  /** Bytes of the first parts of an upload. */
  readonly part: number;
  /** Bytes of each part of a copy. */
  readonly copiedPart: number;
  /** Bytes up to which an object is copied whole. */
  readonly copiedWhole: number;
  readonly copiesAtOnce: number;
}

/** The lengths that the settings come to. Throws RangeError. */
export function lengthsOf(settings: S3Settings): Lengths {
  const part = settings.chunksize ?? 10 * MIB;
  const copiedPart = settings.multipartcopychunksize ?? 32 * MIB;
  const usualThreshold = settings.regionendpoint === undefined ? 32 * MIB : MOST_COPIED_AT_ONCE;
  if (!(part >= LEAST_PART_LENGTH)) throw new RangeError(`chunksize ${part} is less than 5 MiB`);
  return {
    part,
    // Copies are cut evenly, so that the smallest part is at least half as long as this.
    copiedPart: Math.min(Math.max(copiedPart, 2 * LEAST_PART_LENGTH), MOST_COPIED_AT_ONCE),
    copiedWhole: Math.min(settings.multipartcopythresholdsize ?? usualThreshold, MOST_COPIED_AT_ONCE),
    copiesAtOnce: Math.min(Math.max(settings.multipartcopymaxconcurrency ?? 100, 1), 100),
  };
}

/** A URL for an endpoint that may be given without a scheme. */
export function endpointUrl(endpoint: string, secure: boolean): string {
  if (/^https?:\/\//.test(endpoint)) return endpoint;
  return `${secure ? 'https' : 'http'}://${endpoint}`;
}

/** What stands in front of every key: `''`, or the root directory without slashes around it and one behind. */
export function rootPrefix({ rootdirectory = '' }: S3Settings): string {
  const root = rootdirectory.replace(/^\/+|\/+$/g, '');
  return root === '' ? '' : `${root}/`;
}
