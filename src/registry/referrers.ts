// Referrers: manifests that name another one as their subject (distribution-spec end-12a, end-12b).
//
// Each is noted when it is pushed. Tools that met a registry without this API kept the same list as an index under the tag
// `<algorithm>-<hex>`; those lists are merged in, and believed only as far as the manifests themselves bear them out.
import pMap from 'p-map';
import { z } from 'zod';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { orAbsent } from './content.ts';
import { type Algorithm, algorithmOf, type Digest, hexOf } from './digest.ts';
import { digestFromParts, referrer as referrerKey, referrers as referrersKey } from './layout.ts';
import type { Manifest } from './manifest.ts';
import type { RepositoryName } from './name.ts';
import { isTag } from './reference.ts';
import type { StoredManifest } from './stored-manifests.ts';

/** An entry of the list: the manifest's own words, nothing added. */
export interface Referrer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ReferrersQuery {
  /** Only entries of one of these types; all if empty. */
  readonly artifactTypes: readonly string[];
  /** Only entries after this digest. */
  readonly after?: string;
  /** At most this many. */
  readonly limit?: number;
}

export interface ReferrersPage {
  readonly referrers: readonly Referrer[];
  readonly more: boolean;
}

export interface Referrers {
  /** The manifests of the repository whose subject is `subject`, by digest; none for a subject that nobody knows. */
  page(repository: RepositoryName, subject: Digest, query: ReferrersQuery): Promise<ReferrersPage>;
  /** Notes a manifest that is about to appear. */
  add(repository: RepositoryName, subject: Digest, referrer: Referrer): Promise<void>;
  remove(repository: RepositoryName, subject: Digest, digest: Digest): Promise<void>;
}

export interface ReferrersDependencies {
  readonly driver: StorageDriver;
  readonly manifests: {
    find(repository: RepositoryName, digest: Digest): Promise<StoredManifest | undefined>;
    findTagged(repository: RepositoryName, tag: string): Promise<StoredManifest | undefined>;
    has(repository: RepositoryName, digest: Digest): Promise<boolean>;
  };
}

/** Clients take lists of up to 4 MiB; some room is left for what surrounds the entries. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024 - 64 * 1024;
const CONCURRENT_READS = 16;
/** Entries that are read ahead before the next look at the page's size. */
const BATCH = 128;
const LISTED_AT_ONCE = 1000;
/** In the order of the digests that begin with them. */
const ALGORITHMS: readonly Algorithm[] = ['sha256', 'sha512'];

const noteSchema = z.object({
  mediaType: z.string(),
  size: z.int().nonnegative(),
  artifactType: z.string().optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});

export function createReferrers({ driver, manifests }: ReferrersDependencies): Referrers {
  /** The digests that are noted, after the given one and in order, some at a time. */
  async function* notedDigests(
    repository: RepositoryName,
    subject: Digest,
    after = '',
  ): AsyncGenerator<readonly Digest[]> {
    for (const algorithm of ALGORITHMS) {
      const prefix = `${algorithm}:`;
      let last = after.startsWith(prefix) ? after.slice(prefix.length) : undefined;
      if (last === undefined && after > prefix) continue;
      for (;;) {
        const entries = await driver.list(`${referrersKey(repository, subject)}/${algorithm}`, {
          limit: LISTED_AT_ONCE,
          ...(last !== undefined && { after: last }),
        });
        yield entries
          .map(({ name }) => digestFromParts(algorithm, name))
          .filter((digest) => digest !== undefined);
        if (entries.length < LISTED_AT_ONCE) break;
        last = entries.at(-1)?.name;
      }
    }
  }

  /** The digests of the list that clients keep under a tag, after the given one and in order. */
  async function taggedDigests(repository: RepositoryName, subject: Digest, after = ''): Promise<Digest[]> {
    const list = await manifests.findTagged(repository, fallbackTagOf(subject));
    const digests = list?.manifest?.children.map((child) => child.digest) ?? [];
    return digests.filter((digest) => digest > after).sort();
  }

  /** All that may be on the list, after the given digest, each once and in order, some at a time. */
  async function* candidates(
    repository: RepositoryName,
    subject: Digest,
    after?: string,
  ): AsyncGenerator<readonly Digest[]> {
    let tagged = await taggedDigests(repository, subject, after);
    for await (const noted of notedDigests(repository, subject, after)) {
      const end = noted.at(-1);
      if (end === undefined) continue;
      const later = tagged.findIndex((digest) => digest > end);
      const upToEnd = later === -1 ? tagged : tagged.slice(0, later);
      tagged = tagged.slice(upToEnd.length);
      yield [...new Set([...noted, ...upToEnd])].sort();
    }
    yield [...new Set(tagged)];
  }

  /** The entry from its note; from the manifest itself where another server wrote that. Neither outlives the manifest. */
  async function load(
    repository: RepositoryName,
    subject: Digest,
    digest: Digest,
  ): Promise<Referrer | undefined> {
    const note = await orAbsent(driver.read(referrerKey(repository, subject, digest)));
    const noted = note === undefined ? undefined : parseNote(note);
    if (noted !== undefined) {
      return (await manifests.has(repository, digest)) ? { ...noted, digest } : undefined;
    }
    const stored = await manifests.find(repository, digest);
    if (stored?.manifest === undefined || stored.manifest.subject?.digest !== subject) return undefined;
    return referrerOf(stored.manifest, digest, stored.bytes.length);
  }

  return {
    async page(repository, subject, { artifactTypes, after, limit = Number.POSITIVE_INFINITY }) {
      if (limit === 0) return { referrers: [], more: false };
      const found: Referrer[] = [];
      let bytes = 0;
      for await (const batch of inPieces(candidates(repository, subject, after), limit + 1)) {
        const loaded = await pMap(batch, (digest) => load(repository, subject, digest), {
          concurrency: CONCURRENT_READS,
        });
        for (const entry of loaded) {
          if (entry === undefined || !isOfType(entry, artifactTypes)) continue;
          bytes += Buffer.byteLength(JSON.stringify(entry)) + 1;
          const isFull = found.length === limit || (bytes > MAX_PAGE_BYTES && found.length > 0);
          if (isFull) return { referrers: found, more: true };
          found.push(entry);
        }
      }
      return { referrers: found, more: false };
    },

    async add(repository, subject, { digest, ...note }) {
      await driver.write(referrerKey(repository, subject, digest), Buffer.from(JSON.stringify(note)));
    },

    async remove(repository, subject, digest) {
      await driver.delete(referrerKey(repository, subject, digest));
    },
  };
}

/** The same, with no more than so many together, and never more than a batch. */
async function* inPieces<T>(
  batches: AsyncIterable<readonly T[]>,
  most: number,
): AsyncGenerator<readonly T[]> {
  const length = Math.min(most, BATCH);
  for await (const batch of batches) {
    for (let start = 0; start < batch.length; start += length) yield batch.slice(start, start + length);
  }
}

/** How a manifest appears among the referrers of its subject. An index has no artifact type but its own. */
export function referrerOf(manifest: Manifest, digest: Digest, size: number): Referrer {
  const { mediaType, artifactType, annotations } = manifest;
  return {
    mediaType,
    digest,
    size,
    ...(artifactType && { artifactType }),
    ...(annotations && { annotations }),
  };
}

/** The tag under which clients keep the list themselves (distribution-spec, "Referrers Tag Schema"). */
function fallbackTagOf(subject: Digest): string {
  const tag = `${algorithmOf(subject).slice(0, 32)}-${hexOf(subject).slice(0, 64)}`;
  return isTag(tag) ? tag : '';
}

function isOfType(entry: Referrer, artifactTypes: readonly string[]): boolean {
  return artifactTypes.length === 0 || artifactTypes.includes(entry.artifactType ?? '');
}

function parseNote(content: Uint8Array): Omit<Referrer, 'digest'> | undefined {
  try {
    const { data } = noteSchema.safeParse(JSON.parse(Buffer.from(content).toString()));
    if (data === undefined) return undefined;
    const { mediaType, size, artifactType, annotations } = data;
    return { mediaType, size, ...(artifactType && { artifactType }), ...(annotations && { annotations }) };
  } catch {
    return undefined;
  }
}
