// Manifests of a repository: pulled, pushed, tagged, deleted (distribution-spec end-3, end-7, end-9).
import type { Digest } from './digest.ts';
import { algorithmOf, CANONICAL_ALGORITHM, digestOf } from './digest.ts';
import { RegistryError } from './errors.ts';
import type { Lease, Locks } from './locks.ts';
import { MAX_MANIFEST_SIZE, type Manifest, parseManifest } from './manifest.ts';
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
}

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
   * `manifestBlobUnknown`, `digestMismatch`, `preconditionFailed`; nothing is visible then.
   */
  put(repository: RepositoryName, push: ManifestPush): Promise<PushedManifest>;
  /** Removes a tag, or a manifest with all tags on it. Throws `manifestUnknown`. */
  remove(repository: RepositoryName, reference: Reference): Promise<void>;
}

export interface ManifestsDependencies {
  readonly stored: StoredManifests;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly rules: ManifestRules;
  /** Guards what a repository refers to: manifests come in shared, deletes are alone. */
  readonly locks: Locks;
}

export function createManifests({ stored, tags, referrers, rules, locks }: ManifestsDependencies): Manifests {
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

  async function putTagged(repository: RepositoryName, tag: Tag, push: CheckedPush): Promise<PushedManifest> {
    // Tags are moved one at a time, so that what the precondition saw still holds when the tag moves.
    return locks.exclusive(`${repository}:${tag}`, async (lease) => {
      if (push.precondition !== undefined) {
        holdTo(push.precondition, await tags.resolve(repository, tag));
      }
      const pushed = await keep(repository, push.digest, push.bytes, push.manifest);
      await lease.confirm();
      await tags.point(repository, tag, push.digest);
      return pushed;
    });
  }

  async function removeManifest(repository: RepositoryName, digest: Digest, lease: Lease): Promise<void> {
    if (!(await stored.has(repository, digest))) throw unknownManifest({ digest });
    const found = await stored.find(repository, digest);
    const subject = found?.manifest?.subject?.digest;
    // The tags go first: whatever interrupts this, none is left that points nowhere.
    await tags.removeAllOn(repository, digest);
    // Somebody who got the repository meanwhile may have tagged it again.
    await lease.confirm();
    await stored.unlink(repository, digest);
    if (subject !== undefined) await referrers.remove(repository, subject, digest);
  }

  async function removeTag(repository: RepositoryName, tag: Tag): Promise<void> {
    if ((await tags.resolve(repository, tag)) === undefined) throw unknownManifest({ tag });
    await tags.remove(repository, tag);
  }

  return {
    async get(repository, reference) {
      const found = await find(repository, reference);
      if (found === undefined) throw unknownManifest(describe(reference));
      return found;
    },

    async put(repository, push) {
      const { reference, bytes, mediaType, tags: furtherTags = [], precondition } = push;
      if (bytes.length > MAX_MANIFEST_SIZE) throw new RegistryError('manifestTooLarge');
      const digest = digestOfPush(reference, bytes);
      const manifest = parseManifest(bytes, mediaType);
      return locks.shared(repository, async (lease) => {
        await rules.check(repository, manifest);
        await lease.confirm();
        const checked = { digest, bytes, manifest, ...(precondition && { precondition }) };
        if (reference.kind === 'tag') return putTagged(repository, reference.tag, checked);
        const pushed = await keep(repository, digest, bytes, manifest);
        for (const tag of furtherTags) await putTagged(repository, tag, { digest, bytes, manifest });
        return pushed;
      });
    },

    async remove(repository, reference) {
      await locks.exclusive(repository, (lease) =>
        reference.kind === 'tag'
          ? removeTag(repository, reference.tag)
          : removeManifest(repository, reference.digest, lease),
      );
    },
  };
}

interface CheckedPush {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly manifest: Manifest;
  readonly precondition?: TagPrecondition;
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

function unknownManifest(detail: object): RegistryError {
  return new RegistryError('manifestUnknown', { detail });
}
