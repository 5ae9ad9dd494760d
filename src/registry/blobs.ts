// Blobs as a repository sees them. A repository is a wall: a blob is readable only where it was pushed or mounted, and
// that is said by a link. Content is stored once, however many repositories link to it.
import type { ByteRange, ObjectReader, StagedWrite, StorageDriver } from '../../storage-drivers/driver.ts';
import { withoutStack } from '../../storage-drivers/errors.ts';
import type { Catalog } from './catalog.ts';
import { type Content, type ContentStat, orAbsent } from './content.ts';
import type { Digest } from './digest.ts';
import { RegistryError } from './errors.ts';
import { layerLink, linkContent, parseLink } from './layout.ts';
import type { Locks } from './locks.ts';
import type { RepositoryName } from './name.ts';

/** A blob, or a part of one, that is being read. */
export type BlobReader = Pick<ObjectReader, 'size' | 'content' | 'close'>;

export interface Blobs {
  /** The size of a blob. Throws `blobUnknown` (distribution-spec end-2). */
  stat(repository: RepositoryName, digest: Digest): Promise<ContentStat>;
  /** Whether the repository has the blob, and its size; `undefined` if not. */
  find(repository: RepositoryName, digest: Digest): Promise<ContentStat | undefined>;
  /** Opens a blob or a part of it that lies within. Throws `blobUnknown`. */
  open(repository: RepositoryName, digest: Digest, range?: ByteRange): Promise<BlobReader>;
  /**
   * A URL under which the store gives the blob away by itself for some seconds; `undefined` if it has no such URLs, or the blob
   * has to be looked at on its way. Throws `blobUnknown`.
   */
  presign(repository: RepositoryName, digest: Digest, seconds: number): Promise<string | undefined>;
  /** Keeps the bytes of a finished upload, which match the digest, as a blob of the repository. */
  admit(repository: RepositoryName, digest: Digest, write: StagedWrite): Promise<void>;
  /**
   * Makes a blob of one repository a blob of another one, without its bytes (distribution-spec end-11). Without `from`,
   * any repository may be the source. Resolves to whether it was found; a source that may not be read is as good as one
   * that is not there.
   */
  mount(
    repository: RepositoryName,
    digest: Digest,
    from?: RepositoryName,
    mayReadFrom?: (source: RepositoryName) => boolean,
  ): Promise<boolean>;
  /**
   * Takes a blob away from this repository and no other. Throws `blobUnknown`, and `denied` if it may not go, which is asked
   * while no manifest comes in that needs it (distribution-spec end-10).
   */
  remove(repository: RepositoryName, digest: Digest, mayRemove?: () => Promise<boolean>): Promise<void>;
}

export interface BlobsDependencies {
  readonly driver: StorageDriver;
  readonly content: Content;
  readonly catalog: Pick<Catalog, 'names'>;
  /** Guards what a repository refers to: manifests come in shared, deletes are alone. */
  readonly locks: Locks;
}

/** Repositories that are looked at, readable or not, when the client does not say which one has the blob. */
const MOUNT_SEARCH_LIMIT = 1000;

export function createBlobs({ driver, content, catalog, locks }: BlobsDependencies): Blobs {
  /** The digest under which the content is stored, if the repository has the blob. */
  async function linked(repository: RepositoryName, digest: Digest): Promise<Digest | undefined> {
    const link = await orAbsent(driver.read(layerLink(repository, digest)));
    return link === undefined ? undefined : parseLink(link);
  }

  async function find(repository: RepositoryName, digest: Digest): Promise<ContentStat | undefined> {
    const target = await linked(repository, digest);
    return target === undefined ? undefined : content.find(target);
  }

  async function link(repository: RepositoryName, digest: Digest, target: Digest): Promise<void> {
    await driver.write(layerLink(repository, digest), linkContent(target));
  }

  async function linkFrom(
    source: RepositoryName,
    repository: RepositoryName,
    digest: Digest,
  ): Promise<boolean> {
    const target = await linked(source, digest);
    if (target === undefined || (await content.find(target)) === undefined) return false;
    if (source !== repository) await link(repository, digest, target);
    return true;
  }

  async function linkFromAnywhere(
    repository: RepositoryName,
    digest: Digest,
    mayReadFrom: (source: RepositoryName) => boolean,
  ): Promise<boolean> {
    if (mayReadFrom(repository) && (await linkFrom(repository, repository, digest))) return true;
    let passed = 0;
    for await (const source of catalog.names()) {
      if (mayReadFrom(source) && (await linkFrom(source, repository, digest))) return true;
      passed += 1;
      if (passed === MOUNT_SEARCH_LIMIT) return false;
    }
    return false;
  }

  return {
    find,

    async stat(repository, digest) {
      const found = await find(repository, digest);
      if (found === undefined) throw unknownBlob(digest);
      return found;
    },

    async open(repository, digest, range) {
      const target = await linked(repository, digest);
      const reader = target === undefined ? undefined : await content.open(target, range);
      if (reader === undefined) throw unknownBlob(digest);
      return reader;
    },

    async presign(repository, digest, seconds) {
      if (driver.presignRead === undefined) return undefined;
      const target = await linked(repository, digest);
      const presigned = target === undefined ? undefined : await content.presign(target, seconds);
      if (presigned === undefined) throw unknownBlob(digest);
      return presigned.url;
    },

    async admit(repository, digest, write) {
      const link = { key: layerLink(repository, digest), content: linkContent(digest) };
      await content.admit(write, digest, [link]);
    },

    async mount(repository, digest, from, mayReadFrom = () => true) {
      if (from === undefined) return linkFromAnywhere(repository, digest, mayReadFrom);
      return mayReadFrom(from) && linkFrom(from, repository, digest);
    },

    async remove(repository, digest, mayRemove) {
      await locks.exclusive(repository, async () => {
        if ((await find(repository, digest)) === undefined) throw unknownBlob(digest);
        if ((await mayRemove?.()) === false) throw new RegistryError('denied', { detail: { digest } });
        await driver.delete(layerLink(repository, digest));
      });
    },
  };
}

function unknownBlob(digest: Digest): RegistryError {
  return withoutStack(() => new RegistryError('blobUnknown', { detail: { digest } }));
}
