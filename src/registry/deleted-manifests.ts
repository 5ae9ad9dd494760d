// Manifests that were deleted before it was known which tags are on them. The client is not kept waiting for that: until those
// tags are gone, too, they are none, and the manifest does not come back.
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import type { Digest } from './digest.ts';
import { deletedManifest, deletedManifests, digestOfDeleted } from './layout.ts';
import type { RepositoryName } from './name.ts';
import { hasRevision } from './revisions.ts';

export interface DeletedManifests {
  /** Those that may have tags yet. One may be there all the same, if its delete was interrupted. */
  of(repository: RepositoryName): Promise<ReadonlySet<Digest>>;
  /** Whether it is one of them, and gone: a tag on it is none. */
  isGone(repository: RepositoryName, digest: Digest): Promise<boolean>;
  /** Durable when it resolves. */
  add(repository: RepositoryName, digest: Digest): Promise<void>;
  remove(repository: RepositoryName, digest: Digest): Promise<void>;
}

const NONE: ReadonlySet<Digest> = new Set();

export function createDeletedManifests(driver: StorageDriver): DeletedManifests {
  async function of(repository: RepositoryName): Promise<ReadonlySet<Digest>> {
    // Where each look costs a request, nothing is ever left for later.
    if (driver.sight === undefined) return NONE;
    const entries = await driver.list(deletedManifests(repository));
    if (entries.length === 0) return NONE;
    return new Set(entries.map(({ name }) => digestOfDeleted(name)).filter((digest) => digest !== undefined));
  }

  return {
    of,

    async isGone(repository, digest) {
      const deleted = await of(repository);
      return deleted.has(digest) && !(await hasRevision(driver, repository, digest));
    },

    async add(repository, digest) {
      await driver.write(deletedManifest(repository, digest), new Uint8Array(0));
    },

    async remove(repository, digest) {
      await driver.delete(deletedManifest(repository, digest), { alone: true });
    },
  };
}
