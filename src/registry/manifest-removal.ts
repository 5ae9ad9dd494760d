// How tags and manifests go (distribution-spec end-9).
//
// A manifest takes the tags with it that are on it. Which these are is known where there are few tags, or where they are noted.
// Elsewhere the manifest goes first, and is noted as deleted, so that its tags are seen nowhere from then on; they are looked
// for behind the answer.
import pMap from 'p-map';
import type { DeletedManifests } from './deleted-manifests.ts';
import type { Digest } from './digest.ts';
import { RegistryError } from './errors.ts';
import type { IsHeld } from './held-content.ts';
import type { Lease, Locks } from './locks.ts';
import type { RepositoryName } from './name.ts';
import type { Tag } from './reference.ts';
import type { Referrers } from './referrers.ts';
import type { StoredManifests } from './stored-manifests.ts';
import type { Tags } from './tags.ts';

export type MayRemove = (tag: Tag) => boolean;

export interface ManifestRemoval {
  /** Removes the tag. Throws `manifestUnknown` and `tagImmutable`. */
  tag(repository: RepositoryName, tag: Tag, mayRemove?: MayRemove): Promise<readonly Tag[]>;
  /**
   * Removes the manifest with the tags on it. Throws `manifestUnknown`, `tagImmutable` and `denied`. Resolves to the tags that are
   * known to be gone; among many, to those that are noted.
   */
  manifest(repository: RepositoryName, digest: Digest, mayRemove?: MayRemove): Promise<readonly Tag[]>;
  /** Removes all tags that deleted manifests of the repository have left. */
  settle(repository: RepositoryName): Promise<void>;
}

export interface ManifestRemovalDependencies {
  readonly stored: Pick<StoredManifests, 'find' | 'has' | 'unlink'>;
  readonly tags: Tags;
  readonly deleted: DeletedManifests;
  readonly referrers: Pick<Referrers, 'remove'>;
  readonly isHeld: IsHeld;
  readonly locks: Locks;
  /** Gives up what goes on behind the answers; it is taken up by the next delete. */
  readonly signal?: AbortSignal | undefined;
}

/** Tags of a manifest that are removed at the same time. */
const REMOVED_AT_ONCE = 8;

export function createManifestRemoval(dependencies: ManifestRemovalDependencies): ManifestRemoval {
  const { stored, tags, deleted, referrers, isHeld, locks, signal } = dependencies;
  const settling = new Map<RepositoryName, Promise<void>>();

  async function prepare(repository: RepositoryName): Promise<void> {
    await tags.prepare(repository, (work) => locks.exclusive(repository, work), signal);
  }

  async function removeManifest(
    repository: RepositoryName,
    digest: Digest,
    lease: Lease,
    { mayRemove, isExact }: { readonly mayRemove: MayRemove | undefined; readonly isExact: boolean },
  ): Promise<readonly Tag[]> {
    if (!(await stored.has(repository, digest))) throw unknownManifest({ digest });
    const found = await stored.find(repository, digest);
    const subject = found?.manifest?.subject?.digest;
    const isLeft = !isExact && (await isNoted(repository, digest));
    const tagged = isLeft ? await tags.notedOn(repository, digest) : await tags.on(repository, digest);
    requireRemovable(tagged, mayRemove);
    if (mayRemove !== undefined && (await isHeld(repository, digest, (tag) => !mayRemove(tag)))) {
      throw new RegistryError('denied', { detail: { digest } });
    }
    // The tags go first: whatever interrupts this, none is left that points nowhere.
    await removeTags(repository, tagged);
    // Somebody who got the repository meanwhile may have tagged it again.
    await lease.confirm();
    await stored.unlink(repository, digest);
    if (subject !== undefined) await referrers.remove(repository, subject, digest);
    if (!isLeft) await tags.forget(repository, digest);
    return tagged;
  }

  /** Notes the manifest as deleted. On a full disk that cannot be, and the tags have to be looked for at once. */
  async function isNoted(repository: RepositoryName, digest: Digest): Promise<boolean> {
    return deleted.add(repository, digest).then(
      () => true,
      () => false,
    );
  }

  async function removeTags(repository: RepositoryName, gone: readonly Tag[]): Promise<void> {
    await pMap(gone, (tag) => tags.remove(repository, tag), { concurrency: REMOVED_AT_ONCE });
  }

  async function settleAll(repository: RepositoryName): Promise<void> {
    if ((await deleted.of(repository)).size === 0) return;
    await prepare(repository);
    for (const digest of await deleted.of(repository)) {
      signal?.throwIfAborted();
      await locks.exclusive(repository, async (lease) => {
        // A delete that did not come to its end did not happen.
        if (!(await stored.has(repository, digest))) {
          await removeTags(repository, await tags.on(repository, digest));
          await tags.forget(repository, digest);
        }
        await lease.confirm();
        await deleted.remove(repository, digest);
      });
    }
  }

  function settle(repository: RepositoryName): Promise<void> {
    const running = settling.get(repository);
    if (running !== undefined) return running;
    const started = settleAll(repository).finally(() => settling.delete(repository));
    settling.set(repository, started);
    return started;
  }

  return {
    settle,

    tag: (repository, tag, mayRemove) =>
      locks.exclusive(repository, async () => {
        const target = await tags.resolve(repository, tag);
        if (target === undefined || (await deleted.isGone(repository, target)))
          throw unknownManifest({ tag });
        requireRemovable([tag], mayRemove);
        await tags.remove(repository, tag);
        return [tag];
      }),

    async manifest(repository, digest, mayRemove) {
      if (!(await stored.has(repository, digest))) throw unknownManifest({ digest });
      // Where rules keep tags it has to be known beforehand whether one of those is on it.
      if (mayRemove !== undefined) await prepare(repository);
      const isExact = mayRemove !== undefined || (await tags.areKnown(repository));
      const gone = await locks.exclusive(repository, (lease) =>
        removeManifest(repository, digest, lease, { mayRemove, isExact }),
      );
      // What cannot be done now is left to the next delete, or to who pushes the manifest again.
      settle(repository).catch(() => undefined);
      return gone;
    },
  };
}

export function unknownManifest(detail: object): RegistryError {
  return new RegistryError('manifestUnknown', { detail });
}

function requireRemovable(names: readonly Tag[], mayRemove: MayRemove | undefined): void {
  const kept = mayRemove && names.find((tag) => !mayRemove(tag));
  if (kept !== undefined) throw new RegistryError('tagImmutable', { detail: { tag: kept } });
}
