// Manifests of a repository: pulled, pushed, tagged, deleted (distribution-spec end-3, end-7, end-9).
import { allEnded } from './all-ended.ts';
import type { DeletedManifests } from './deleted-manifests.ts';
import type { Digest } from './digest.ts';
import { algorithmOf, CANONICAL_ALGORITHM, digestOf } from './digest.ts';
import { RegistryError } from './errors.ts';
import type { Lease, Locks } from './locks.ts';
import { MAX_MANIFEST_SIZE, type Manifest, parseManifest } from './manifest.ts';
import { type ManifestRemoval, unknownManifest } from './manifest-removal.ts';
import type { ManifestRules } from './manifest-rules.ts';
import type { RepositoryName } from './name.ts';
import type { Reference, Tag } from './reference.ts';
import { type Referrers, referrerOf } from './referrers.ts';
import type { StoredManifest, StoredManifests } from './stored-manifests.ts';
import type { Tags } from './tags.ts';

export interface ManifestPush {
  readonly reference: Reference;
  readonly bytes: Uint8Array;
  /** The type that the request gives, without parameters; absent if it says nothing. */
  readonly mediaType?: string;
  /** Further tags, for a push by digest (end-7b). */
  readonly tags?: readonly Tag[];
  /** What the tag must be for the push to go through (RFC 9110, If-Match and If-None-Match). */
  readonly precondition?: TagPrecondition;
  /** Why a tag that is there may not be pointed to another manifest; `undefined` if it may. Absent: it may. */
  readonly whyNotMove?: (tag: Tag) => TagRefusal | undefined;
}

export type TagRefusal = 'tagImmutable' | 'tagTaken';

export interface TagPrecondition {
  /** The tag points to one of these; with `any`, it exists. */
  readonly match?: readonly string[] | 'any';
  /** The tag points to none of these; with `any`, it does not exist. */
  readonly noneMatch?: readonly string[] | 'any';
}

export interface PushedManifest {
  readonly digest: Digest;
  /** The subject whose referrers now list the manifest. */
  readonly subject?: Digest;
}

export interface Manifests {
  /** The manifest that a tag or digest means. Throws `manifestUnknown`. */
  get(repository: RepositoryName, reference: Reference): Promise<StoredManifest>;
  /**
   * Keeps a manifest, exactly as it is, and points the tags to it. Throws `manifestInvalid`, `manifestTooLarge`,
   * `manifestBlobUnknown`, `digestMismatch`, `preconditionFailed`, `tagImmutable`, `tagTaken`; nothing is visible then.
   */
  put(repository: RepositoryName, push: ManifestPush): Promise<PushedManifest>;
  /**
   * Removes a tag, or a manifest with all tags on it. Throws `manifestUnknown`, and `tagImmutable` or `denied` with nothing removed if one of the
   * tags may not be removed, or the manifest is a part of what is under a tag that may not be. Resolves to the tags that are gone.
   */
  remove(
    repository: RepositoryName,
    reference: Reference,
    mayRemove?: (tag: Tag) => boolean,
  ): Promise<readonly Tag[]>;
}

export interface ManifestsDependencies {
  readonly stored: StoredManifests;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly rules: ManifestRules;
  readonly deleted: Pick<DeletedManifests, 'isGone'>;
  readonly removal: ManifestRemoval;
  /** Guards what a repository refers to: manifests come in shared, deletes are alone. */
  readonly locks: Locks;
}

export function createManifests(dependencies: ManifestsDependencies): Manifests {
  const { stored, tags, deleted, referrers, rules, removal, locks } = dependencies;

  async function digestFor(repository: RepositoryName, reference: Reference): Promise<Digest | undefined> {
    return reference.kind === 'digest' ? reference.digest : tags.resolve(repository, reference.tag);
  }

  async function find(repository: RepositoryName, reference: Reference): Promise<StoredManifest | undefined> {
    const digest = await digestFor(repository, reference);
    return digest === undefined ? undefined : stored.find(repository, digest);
  }

  async function keep(repository: RepositoryName, digest: Digest, bytes: Uint8Array, manifest: Manifest) {
    const subject = manifest.subject?.digest;
    // Noted first: a note without its manifest is not seen, a manifest without its note would never be listed.
    if (subject !== undefined) {
      await referrers.add(repository, subject, referrerOf(manifest, digest, bytes.length));
    }
    await stored.keep(repository, digest, bytes);
    return { digest, ...(subject && { subject }) };
  }

  /** Runs `work` while nobody else moves any of the tags, so that what was seen of them still holds when they move. */
  function holding<T>(
    repository: RepositoryName,
    names: readonly Tag[],
    work: (leases: readonly Lease[]) => Promise<T>,
  ): Promise<T> {
    // In one order for everybody: two that want the same tags cannot wait for each other.
    const [first, ...others] = [...new Set(names)].sort();
    if (first === undefined) return work([]);
    return locks.exclusive(`${repository}:${first}`, (lease) =>
      holding(repository, others, (leases) => work([lease, ...leases])),
    );
  }

  /** Throws unless every tag may be pointed to the digest. */
  async function requireMovable(
    repository: RepositoryName,
    names: readonly Tag[],
    digest: Digest,
    { precondition, whyNotMove }: Pick<ManifestPush, 'precondition' | 'whyNotMove'>,
  ): Promise<void> {
    if (precondition === undefined && whyNotMove === undefined) return;
    for (const tag of names) {
      const target = await tags.resolve(repository, tag);
      const isGone = target !== undefined && (await deleted.isGone(repository, target));
      const current = isGone ? undefined : target;
      if (precondition !== undefined) holdTo(precondition, current);
      const moves = current !== undefined && current !== digest;
      const refusal = moves ? whyNotMove?.(tag) : undefined;
      if (refusal !== undefined) throw new RegistryError(refusal, { detail: { tag } });
    }
  }

  return {
    async get(repository, reference) {
      const found = await find(repository, reference);
      if (found === undefined) throw unknownManifest(describe(reference));
      return found;
    },

    async put(repository, push) {
      const { reference, bytes, mediaType, tags: furtherTags = [], precondition, whyNotMove } = push;
      if (bytes.length > MAX_MANIFEST_SIZE) throw new RegistryError('manifestTooLarge');
      const digest = digestOfPush(reference, bytes);
      const manifest = parseManifest(bytes, mediaType);
      const names = reference.kind === 'tag' ? [reference.tag] : furtherTags;
      const attempt = async (lease: Lease): Promise<PushedManifest | undefined> => {
        if (await deleted.isGone(repository, digest)) return undefined;
        await rules.check(repository, manifest);
        await lease.confirm();
        return holding(repository, names, async (leases) => {
          await requireMovable(repository, names, digest, {
            ...(whyNotMove && { whyNotMove }),
            ...(precondition && reference.kind === 'tag' && { precondition }),
          });
          const kept = keep(repository, digest, bytes, manifest);
          // The links of the tags are on the disk already when the manifest is, and are seen only then.
          const mayPoint = kept.then(() => Promise.all(leases.map((held) => held.confirm())));
          await allEnded(mayPoint, ...names.map((tag) => tags.point(repository, tag, digest, mayPoint)));
          return kept;
        });
      };
      for (;;) {
        const pushed = await locks.shared(repository, attempt);
        if (pushed !== undefined) return pushed;
        // It was here, and tags that went with it would be seen again.
        await removal.settle(repository);
      }
    },

    remove: (repository, reference, mayRemove) =>
      reference.kind === 'tag'
        ? removal.tag(repository, reference.tag, mayRemove)
        : removal.manifest(repository, reference.digest, mayRemove),
  };
}

/** Under a tag a manifest gets the digest that every client computes; by digest it has to be the one that is asked for. */
function digestOfPush(reference: Reference, bytes: Uint8Array): Digest {
  if (reference.kind === 'tag') return digestOf(bytes, CANONICAL_ALGORITHM);
  const actual = digestOf(bytes, algorithmOf(reference.digest));
  if (actual === reference.digest) return actual;
  throw new RegistryError('digestMismatch', { detail: { expected: reference.digest, actual } });
}

function holdTo({ match, noneMatch }: TagPrecondition, current: Digest | undefined): void {
  if (match !== undefined && !isAmong(match, current)) throw new RegistryError('preconditionFailed');
  if (noneMatch !== undefined && isAmong(noneMatch, current)) throw new RegistryError('preconditionFailed');
}

function isAmong(digests: readonly string[] | 'any', current: Digest | undefined): boolean {
  if (current === undefined) return false;
  return digests === 'any' || digests.includes(current);
}

function describe(reference: Reference): object {
  return reference.kind === 'tag' ? { tag: reference.tag } : { digest: reference.digest };
}
