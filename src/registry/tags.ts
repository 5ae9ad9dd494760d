// Tags: names that move from one manifest to another (distribution-spec end-7, end-8, end-9).
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
  /** Removes every tag that points to the manifest. */
  removeAllOn(repository: RepositoryName, digest: Digest): Promise<void>;
}

export interface TagsSettings {
  /** Links that are read at the same time when a manifest's tags are looked for (`storage.tag.concurrencylimit`). */
  readonly concurrentReads: number;
}

export function createTags(driver: StorageDriver, { concurrentReads }: TagsSettings): Tags {
  async function resolve(repository: RepositoryName, tag: Tag): Promise<Digest | undefined> {
    const link = await orAbsent(driver.read(tagCurrentLink(repository, tag)));
    return link === undefined ? undefined : parseLink(link);
  }

  /** A crash may come between a tag's directory and its link, and the `registry` image leaves empty links. */
  async function pointsSomewhere(repository: RepositoryName, tag: Tag): Promise<boolean> {
    const link = await orAbsent(driver.stat(tagCurrentLink(repository, tag)));
    return link !== undefined && link.size > 0;
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

  async function remove(repository: RepositoryName, tag: Tag): Promise<void> {
    await driver.delete(tagKey(repository, tag));
  }

  return {
    resolve,
    remove,

    async point(repository, tag, digest) {
      // First of all: a directory of a tag that points nowhere would be listed as a tag.
      await driver.write(tagCurrentLink(repository, tag), linkContent(digest));
      // The tag has moved. Its history is for the `registry` image alone, and no reason to call the push a failure.
      await driver.write(tagIndexLink(repository, tag, digest), linkContent(digest)).catch(() => undefined);
    },

    async page(repository, limit, after) {
      if (limit === 0) return { tags: [], more: false };
      if (limit === undefined) return { tags: await list(repository, undefined, after), more: false };
      const found = await list(repository, limit + 1, after);
      return { tags: found.slice(0, limit), more: found.length > limit };
    },

    async removeAllOn(repository, digest) {
      const all = tagsAmong(await driver.list(tagsKey(repository)));
      await pMap(
        all,
        async (tag) => {
          if ((await resolve(repository, tag)) === digest) await remove(repository, tag);
        },
        { concurrency: concurrentReads },
      );
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
