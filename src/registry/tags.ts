// Tags: names that move from one manifest to another (distribution-spec end-7, end-8, end-9).
import { LRUCache } from 'lru-cache';
import pMap from 'p-map';
import type { ListEntry, StorageDriver } from '../../storage-drivers/driver.ts';
import { allEnded } from './all-ended.ts';
import { orAbsent } from './content.ts';
import type { DeletedManifests } from './deleted-manifests.ts';
import type { Digest } from './digest.ts';
import {
  linkContent,
  parseLink,
  tagCurrentLink,
  tagIndexLink,
  tag as tagKey,
  tags as tagsKey,
} from './layout.ts';
import type { RepositoryName } from './name.ts';
import { isTag, type Tag } from './reference.ts';
import { createTagNotes, type TagNotes } from './tag-notes.ts';

export interface TagPage {
  readonly tags: readonly Tag[];
  readonly more: boolean;
}

export interface Tags {
  /** What the tag points to; `undefined` if there is no such tag. */
  resolve(repository: RepositoryName, tag: Tag): Promise<Digest | undefined>;
  /** Points the tag to a manifest, in one step, when `after` has resolved. Fails if that does. */
  point(repository: RepositoryName, tag: Tag, digest: Digest, after?: Promise<unknown>): Promise<void>;
  /** Tags after the given one, sorted bytewise; all of them without a limit. */
  page(repository: RepositoryName, limit?: number, after?: string): Promise<TagPage>;
  /** Removes the tag and nothing else. */
  remove(repository: RepositoryName, tag: Tag): Promise<void>;
  /** Every tag, also one that points nowhere; in one look. */
  names(repository: RepositoryName): Promise<readonly Tag[]>;
  /** Every tag that points to the manifest, also to one that was deleted. */
  on(repository: RepositoryName, digest: Digest): Promise<readonly Tag[]>;
  /** Those of them that are noted: all, or none, or some. */
  notedOn(repository: RepositoryName, digest: Digest): Promise<readonly Tag[]>;
  /** Whether `on` need not look at many tags. */
  areKnown(repository: RepositoryName): Promise<boolean>;
  /**
   * Sees to it that they are known, as far as that can be. Looks at every tag of the repository once.
   * @param signal gives it up
   */
  prepare(repository: RepositoryName, alone: Alone, signal?: AbortSignal): Promise<void>;
  /** Throws away what helped to find the tags of a manifest, when it and they are gone. */
  forget(repository: RepositoryName, digest: Digest): Promise<void>;
}

/** Runs what it is given while no tag of the repository moves. */
export type Alone = (work: () => Promise<void>) => Promise<void>;

export interface TagsSettings {
  /** Links that are read at the same time when a manifest's tags are looked for (`storage.tag.concurrencylimit`). */
  readonly concurrentReads: number;
  /**
   * With more tags than this in a repository it is noted which manifest they are on.
   * @default 200
   */
  readonly few?: number;
}

/** Tags of which it is remembered that they point somewhere; each takes some 80 bytes. */
const REMEMBERED = 200_000;
const FEW = 200;

export function createTags(
  driver: StorageDriver,
  deleted: Pick<DeletedManifests, 'of' | 'isGone'>,
  { concurrentReads, few = FEW }: TagsSettings,
): Tags {
  // A store that is far away would ask more for the notes of each push than to look at all tags costs now and then.
  const notes = driver.sight === undefined ? undefined : createTagNotes(driver);
  const preparations = new Map<RepositoryName, Promise<void>>();
  const seenPointing = new LRUCache<RepositoryName, Set<Tag>>({ maxSize: REMEMBERED });

  async function resolve(repository: RepositoryName, tag: Tag): Promise<Digest | undefined> {
    const link = await orAbsent(driver.read(tagCurrentLink(repository, tag)));
    return link === undefined ? undefined : parseLink(link);
  }

  /**
   * A crash may come between a tag's directory and its link, and the `registry` image leaves empty links. Once seen to
   * point somewhere, a tag does as long as it is listed: whoever removes it removes its directory.
   */
  async function pointsSomewhere(repository: RepositoryName, tag: Tag): Promise<boolean> {
    const seen = seenPointing.get(repository);
    if (seen?.has(tag)) return true;
    const link = await orAbsent(driver.stat(tagCurrentLink(repository, tag)));
    if (link === undefined || link.size === 0) return false;
    const all = (seenPointing.get(repository) ?? new Set()).add(tag);
    seenPointing.set(repository, all, { size: all.size });
    return true;
  }

  /** Where manifests were deleted whose tags are still there. */
  async function pointsToSomething(repository: RepositoryName, tag: Tag): Promise<boolean> {
    const target = await resolve(repository, tag);
    return target !== undefined && !(await deleted.isGone(repository, target));
  }

  async function list(repository: RepositoryName, limit?: number, after?: string): Promise<readonly Tag[]> {
    const found: Tag[] = [];
    // Asked for anew each time: who keeps the list has to know what it rests on.
    const isTagOf = (await deleted.of(repository)).size > 0 ? pointsToSomething : pointsSomewhere;
    for (let last = after; ; ) {
      const options = { ...(limit !== undefined && { limit }), ...(last && { after: last }) };
      const entries = await driver.list(tagsKey(repository), options);
      const batch = tagsAmong(entries);
      const looks = await pMap(batch, (tag) => isTagOf(repository, tag), {
        concurrency: concurrentReads,
      });
      found.push(...batch.filter((_, index) => looks[index]));
      last = entries.at(-1)?.name;
      if (limit === undefined || last === undefined) return found;
      if (found.length >= limit) return found.slice(0, limit);
    }
  }

  async function names(repository: RepositoryName): Promise<readonly Tag[]> {
    return tagsAmong(await driver.list(tagsKey(repository)));
  }

  /** What the tags point to, of those that point somewhere. */
  async function targetsOf(
    repository: RepositoryName,
    tags: readonly Tag[],
    signal?: AbortSignal,
  ): Promise<readonly (readonly [Tag, Digest])[]> {
    const look = async (tag: Tag) => [tag, await resolve(repository, tag)] as const;
    const looks = await pMap(tags, look, { concurrency: concurrentReads, signal });
    return looks.filter((pair): pair is readonly [Tag, Digest] => pair[1] !== undefined);
  }

  async function onAmong(
    repository: RepositoryName,
    candidates: readonly Tag[],
    digest: Digest,
  ): Promise<readonly Tag[]> {
    const targets = await targetsOf(repository, candidates);
    return targets.filter(([, target]) => target === digest).map(([tag]) => tag);
  }

  async function noted(repository: RepositoryName, digest: Digest): Promise<readonly Tag[]> {
    return (await notes?.candidates(repository, digest)) ?? [];
  }

  async function areKnown(repository: RepositoryName): Promise<boolean> {
    if (notes === undefined || (await notes.areComplete(repository))) return true;
    // There were many once; to count them again is to read all of their names.
    if (await notes.areBegun(repository)) return false;
    return (await driver.list(tagsKey(repository), { limit: few + 1 })).length <= few;
  }

  async function noteAll(
    repository: RepositoryName,
    notes: TagNotes,
    alone: Alone,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    await alone(() => notes.begin(repository));
    await notes.complete(repository, await targetsOf(repository, await names(repository), signal));
  }

  async function remove(repository: RepositoryName, tag: Tag): Promise<void> {
    seenPointing.get(repository)?.delete(tag);
    await driver.delete(tagKey(repository, tag));
  }

  return {
    resolve,
    remove,

    async point(repository, tag, digest, after = Promise.resolve()) {
      // The order of the `registry` image. A crash in between leaves a tag that points nowhere: see pointsSomewhere.
      // Nobody reads the index, here or there: it need not outlive a power cut.
      const indexed = driver.write(tagIndexLink(repository, tag, digest), linkContent(digest), {
        after,
        durable: false,
      });
      const noted = notes?.noteMove(repository, tag, digest) ?? Promise.resolve();
      const mayMove = Promise.all([indexed, noted]);
      const pointed = driver.write(tagCurrentLink(repository, tag), linkContent(digest), { after: mayMove });
      await allEnded(indexed, noted, mayMove, pointed);
    },

    async page(repository, limit, after) {
      if (limit === 0) return { tags: [], more: false };
      if (limit === undefined) return { tags: await list(repository, undefined, after), more: false };
      const found = await list(repository, limit + 1, after);
      return { tags: found.slice(0, limit), more: found.length > limit };
    },

    names,

    async on(repository, digest) {
      const isComplete = await notes?.areComplete(repository);
      return onAmong(
        repository,
        isComplete ? await noted(repository, digest) : await names(repository),
        digest,
      );
    },

    notedOn: async (repository, digest) => onAmong(repository, await noted(repository, digest), digest),

    areKnown,

    async prepare(repository, alone, signal) {
      if (notes === undefined || (await areKnown(repository))) return;
      const running =
        preparations.get(repository) ??
        noteAll(repository, notes, alone, signal).finally(() => preparations.delete(repository));
      preparations.set(repository, running);
      // Without notes every tag is looked at: on a full disk it takes longer to make room, but it can be done.
      await running.catch(() => undefined);
    },

    async forget(repository, digest) {
      // What stays is looked at once more, should the manifest ever come back.
      await notes?.forget(repository, digest).catch(() => undefined);
    },
  };
}

/** The tags in the tag directory, also those that point nowhere. */
function tagsAmong(entries: readonly ListEntry[]): Tag[] {
  return entries
    .filter((entry) => entry.kind === 'prefix')
    .map((entry) => entry.name)
    .filter(isTag);
}
