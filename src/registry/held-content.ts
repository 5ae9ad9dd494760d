// What tags hold: the manifests that they point to, and everything that these are made of.
import pMap from 'p-map';
import type { Digest } from './digest.ts';
import type { RepositoryName } from './name.ts';
import type { Tag } from './reference.ts';
import type { StoredManifests } from './stored-manifests.ts';
import type { Tags } from './tags.ts';

/**
 * Whether the digest is a manifest that one of the tags points to, or is of what such a manifest is made: its config, its
 * layers, what an index lists, and so on down. A subject is not a part of what refers to it.
 */
export type IsHeld = (
  repository: RepositoryName,
  digest: Digest,
  tags: (tag: Tag) => boolean,
) => Promise<boolean>;

export interface HeldContentDependencies {
  readonly stored: Pick<StoredManifests, 'find'>;
  readonly tags: Pick<Tags, 'names' | 'resolve'>;
}

/** Manifests that are read at the same time. */
const READ_AT_ONCE = 8;

export function createHeldContent({ stored, tags }: HeldContentDependencies): IsHeld {
  async function partsOf(repository: RepositoryName, digest: Digest): Promise<readonly Digest[]> {
    const found = await stored.find(repository, digest);
    if (found?.manifest === undefined) return [];
    const { blobs, foreignLayers, children } = found.manifest;
    return [...blobs, ...foreignLayers, ...children].map((part) => part.digest);
  }

  return async (repository, digest, holds) => {
    const names = (await tags.names(repository)).filter(holds);
    const options = { concurrency: READ_AT_ONCE };
    const targets = await pMap(names, (tag) => tags.resolve(repository, tag), options);
    // What is listed in two places is read once, and what lists itself does no harm.
    const seen = new Set<Digest>();
    for (let level = targets.filter((target) => target !== undefined); level.length > 0; ) {
      if (level.includes(digest)) return true;
      const fresh = [...new Set(level)].filter((one) => !seen.has(one));
      for (const one of fresh) seen.add(one);
      level = (await pMap(fresh, (one) => partsOf(repository, one), options)).flat();
    }
    return false;
  };
}
