// Tags: names that move from one manifest to another (distribution-spec end-7, end-8, end-9).
import pMap from 'p-map';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
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

  async function list(repository: RepositoryName, limit?: number, after?: string): Promise<readonly Tag[]> {
    const options = { ...(limit !== undefined && { limit }), ...(after && { after }) };
    const entries = await driver.list(tagsKey(repository), options);
    return entries
      .filter((entry) => entry.kind === 'prefix')
      .map((entry) => entry.name)
      .filter(isTag);
  }

  async function remove(repository: RepositoryName, tag: Tag): Promise<void> {
    await driver.delete(tagKey(repository, tag));
  }

  return {
    resolve,
    remove,

    async point(repository, tag, digest) {
      await driver.write(tagIndexLink(repository, tag, digest), linkContent(digest));
      await driver.write(tagCurrentLink(repository, tag), linkContent(digest));
    },

    async page(repository, limit, after) {
      if (limit === 0) return { tags: [], more: false };
      if (limit === undefined) return { tags: await list(repository, undefined, after), more: false };
      const found = await list(repository, limit + 1, after);
      return { tags: found.slice(0, limit), more: found.length > limit };
    },

    async removeAllOn(repository, digest) {
      const all = await list(repository);
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
