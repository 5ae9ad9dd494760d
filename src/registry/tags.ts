// Tags: names that move from one manifest to another (distribution-spec end-7, end-8, end-9).
import { LRUCache } from 'lru-cache';
import pMap from 'p-map';
import type { ListEntry, StorageDriver } from '../../storage-drivers/driver.ts';
import { orAbsent } from './content.ts';
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
  /** Points the tag to a manifest, in one step. */
  point(repository: RepositoryName, tag: Tag, digest: Digest): Promise<void>;
  /** Tags after the given one, sorted bytewise; all of them without a limit. */
  page(repository: RepositoryName, limit?: number, after?: string): Promise<TagPage>;
  /** Removes the tag and nothing else. */
  remove(repository: RepositoryName, tag: Tag): Promise<void>;
  /** Every tag, also one that points nowhere; in one look. */
  names(repository: RepositoryName): Promise<readonly Tag[]>;
  /** Every tag that points to the manifest. */
  on(repository: RepositoryName, digest: Digest): Promise<readonly Tag[]>;
  /**
   * Makes ready for `on`, so that it need not look at every tag even if there are many. Takes its time only for the first
   * manifest that is deleted from a repository with many tags.
   */
  prepare(repository: RepositoryName, alone: Alone): Promise<void>;
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
   * @default 500
   */
  readonly few?: number;
}

/** Tags of which it is remembered that they point somewhere; an entry is some 200 bytes. */
const REMEMBERED = 20_000;
const FEW = 500;

export function createTags(driver: StorageDriver, { concurrentReads, few = FEW }: TagsSettings): Tags {
  // A store that is far away would ask more for the notes of each push than to look at all tags costs now and then.
  const notes = driver.sight === undefined ? undefined : createTagNotes(driver);
  const preparations = new Map<RepositoryName, Promise<void>>();
  const seenPointing = new LRUCache<string, true>({ max: REMEMBERED });

  async function resolve(repository: RepositoryName, tag: Tag): Promise<Digest | undefined> {
    const link = await orAbsent(driver.read(tagCurrentLink(repository, tag)));
    return link === undefined ? undefined : parseLink(link);
  }

  /**
   * A crash may come between a tag's directory and its link, and the `registry` image leaves empty links. Once seen to
   * point somewhere, a tag does as long as it is listed: whoever removes it removes its directory.
   */
  async function pointsSomewhere(repository: RepositoryName, tag: Tag): Promise<boolean> {
    const key = tagCurrentLink(repository, tag);
    if (seenPointing.has(key)) return true;
    const link = await orAbsent(driver.stat(key));
    if (link === undefined || link.size === 0) return false;
    seenPointing.set(key, true);
    return true;
  }

  async function list(repository: RepositoryName, limit?: number, after?: string): Promise<readonly Tag[]> {
    const found: Tag[] = [];
    for (let last = after; ; ) {
      const options = { ...(limit !== undefined && { limit }), ...(last && { after: last }) };
      const entries = await driver.list(tagsKey(repository), options);
      const batch = tagsAmong(entries);
      const looks = await pMap(batch, (tag) => pointsSomewhere(repository, tag), {
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
  ): Promise<readonly (readonly [Tag, Digest])[]> {
    const look = async (tag: Tag) => [tag, await resolve(repository, tag)] as const;
    const looks = await pMap(tags, look, { concurrency: concurrentReads });
    return looks.filter((pair): pair is readonly [Tag, Digest] => pair[1] !== undefined);
  }

  async function hasFew(repository: RepositoryName): Promise<boolean> {
    return (await driver.list(tagsKey(repository), { limit: few + 1 })).length <= few;
  }

  async function remove(repository: RepositoryName, tag: Tag): Promise<void> {
    seenPointing.delete(tagCurrentLink(repository, tag));
    await driver.delete(tagKey(repository, tag));
  }

  return {
    resolve,
    remove,

    async point(repository, tag, digest) {
      // The order of the `registry` image. A crash in between leaves a tag that points nowhere: see pointsSomewhere.
      await Promise.all([
        driver.write(tagIndexLink(repository, tag, digest), linkContent(digest)),
        notes?.noteMove(repository, tag, digest),
      ]);
      await driver.write(tagCurrentLink(repository, tag), linkContent(digest));
    },

    async page(repository, limit, after) {
      if (limit === 0) return { tags: [], more: false };
      if (limit === undefined) return { tags: await list(repository, undefined, after), more: false };
      const found = await list(repository, limit + 1, after);
      return { tags: found.slice(0, limit), more: found.length > limit };
    },

    names,

    async on(repository, digest) {
      const candidates = (await notes?.candidates(repository, digest)) ?? (await names(repository));
      const targets = await targetsOf(repository, candidates);
      return targets.filter(([, target]) => target === digest).map(([tag]) => tag);
    },

    async prepare(repository, alone) {
      if (notes === undefined || (await notes.areComplete(repository)) || (await hasFew(repository))) return;
      const running =
        preparations.get(repository) ??
        noteAll(repository, notes, alone).finally(() => preparations.delete(repository));
      preparations.set(repository, running);
      // Without notes every tag is looked at: on a full disk it takes longer to make room, but it can be done.
      await running.catch(() => undefined);
    },

    async forget(repository, digest) {
      // What stays is looked at once more, should the manifest ever come back.
      await notes?.forget(repository, digest).catch(() => undefined);
    },
  };

  async function noteAll(repository: RepositoryName, notes: TagNotes, alone: Alone): Promise<void> {
    await alone(() => notes.begin(repository));
    await notes.complete(repository, await targetsOf(repository, await names(repository)));
  }
}

/** The tags in the tag directory, also those that point nowhere. */
function tagsAmong(entries: readonly ListEntry[]): Tag[] {
  return entries
    .filter((entry) => entry.kind === 'prefix')
    .map((entry) => entry.name)
    .filter(isTag);
}
