// Which manifests a repository has: a link for each.
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { orAbsent } from './content.ts';
import type { Digest } from './digest.ts';
import { parseLink, revisionLink } from './layout.ts';
import type { RepositoryName } from './name.ts';

/** Whether the repository has the manifest. Does not read it. */
export async function hasRevision(
  driver: StorageDriver,
  repository: RepositoryName,
  digest: Digest,
): Promise<boolean> {
  const link = await orAbsent(driver.read(revisionLink(repository, digest)));
  return link !== undefined && parseLink(link) === digest;
}
