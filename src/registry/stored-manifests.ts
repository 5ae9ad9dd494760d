// Manifests as they are kept: bytes under a digest, linked into repositories. What is read here was checked byte by byte.
import { LRUCache } from 'lru-cache';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import type { Content } from './content.ts';
import type { Digest } from './digest.ts';
import { linkContent, revisionLink } from './layout.ts';
import { type Manifest, mediaTypeOf, readManifest } from './manifest.ts';
import type { RepositoryName } from './name.ts';
import { isTag } from './reference.ts';
import { hasRevision } from './revisions.ts';
import type { Tags } from './tags.ts';

export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  /** What it says; absent for one that another server accepted and this one does not understand. */
  readonly manifest?: Manifest;
}

export interface StoredManifests {
  /** A manifest of the repository; `undefined` if it has none with this digest. */
  find(repository: RepositoryName, digest: Digest): Promise<StoredManifest | undefined>;
  /** What a tag of the repository points to; `undefined` if there is no such tag or it points nowhere. */
  findTagged(repository: RepositoryName, tag: string): Promise<StoredManifest | undefined>;
  /** Whether the repository has the manifest. Does not read it. */
  has(repository: RepositoryName, digest: Digest): Promise<boolean>;
  /** Keeps a manifest and makes it one of the repository, seen in this order. */
  keep(repository: RepositoryName, digest: Digest, bytes: Uint8Array): Promise<void>;
  /** Takes the manifest away from the repository. */
  unlink(repository: RepositoryName, digest: Digest): Promise<void>;
}

/** Bytes of manifests whose reading is remembered. What a digest means never changes; whether it is here is always asked. */
const REMEMBERED_BYTES = 8 * 1024 * 1024;

export function createStoredManifests(driver: StorageDriver, content: Content, tags: Tags): StoredManifests {
  const readings = new LRUCache<Digest, Pick<StoredManifest, 'mediaType' | 'manifest'>>({
    maxSize: REMEMBERED_BYTES,
  });

  const has = (repository: RepositoryName, digest: Digest) => hasRevision(driver, repository, digest);

  async function find(repository: RepositoryName, digest: Digest): Promise<StoredManifest | undefined> {
    if (!(await has(repository, digest))) return undefined;
    const bytes = await content.read(digest);
    if (bytes === undefined) return undefined;
    const reading = readings.get(digest) ?? interpret(bytes);
    if (reading === undefined) return undefined;
    readings.set(digest, reading, { size: bytes.length + 1 });
    return { digest, bytes, ...reading };
  }

  return {
    find,
    has,

    async findTagged(repository, tag) {
      const digest = isTag(tag) ? await tags.resolve(repository, tag) : undefined;
      return digest === undefined ? undefined : find(repository, digest);
    },

    async keep(repository, digest, bytes) {
      const link = { key: revisionLink(repository, digest), content: linkContent(digest) };
      await content.put(digest, bytes, [link]);
    },

    async unlink(repository, digest) {
      await driver.delete(revisionLink(repository, digest));
    },
  };
}

function interpret(bytes: Uint8Array): Pick<StoredManifest, 'mediaType' | 'manifest'> | undefined {
  const mediaType = mediaTypeOf(bytes);
  if (mediaType === undefined) return undefined;
  const manifest = readManifest(bytes);
  return { mediaType, ...(manifest && { manifest }) };
}
