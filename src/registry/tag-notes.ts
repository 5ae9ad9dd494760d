// Which tags may point to a manifest, noted, so that to delete it nobody has to look at every tag of its repository.
//
// A repository with few tags has no notes: to look at all of them costs little. The first delete in a larger one leaves a mark,
// and from then on every tag is noted under its manifest before it moves there. What had moved before is found by looking at
// every tag once and is noted, too. So the notes have every tag that points to a manifest, and some that did once.
//
// Another server that works on the same store in turn knows nothing of this. So each process looks at every tag once itself
// before it believes the notes of a repository, as no other kind of server works on the store at the same time.
import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import pMap from 'p-map';
import type { StillThere, StorageDriver } from '../../storage-drivers/driver.ts';
import { atMost } from './at-most.ts';
import { orAbsent } from './content.ts';
import { type Digest, hexOf } from './digest.ts';
import * as layout from './layout.ts';
import type { RepositoryName } from './name.ts';
import { isTag, type Tag } from './reference.ts';

export interface TagNotes {
  /** Notes that the tag is about to point to the manifest, where that is kept; durable when it resolves. */
  noteMove(repository: RepositoryName, tag: Tag, digest: Digest): Promise<void>;
  /** Whether moves are noted. */
  areBegun(repository: RepositoryName): Promise<boolean>;
  /** Whether this process has noted what every tag points to. */
  areComplete(repository: RepositoryName): Promise<boolean>;
  /** Tags that were noted under the manifest: among them are all that point to it if the notes are complete. */
  candidates(repository: RepositoryName, digest: Digest): Promise<readonly Tag[]>;
  /** Has every move noted from now on. To be called while no tag of the repository moves. */
  begin(repository: RepositoryName): Promise<void>;
  /** Notes what every tag points to, as it was seen since `begin`. */
  complete(repository: RepositoryName, seen: Iterable<readonly [Tag, Digest]>): Promise<void>;
  /** Throws away what is noted of a manifest that is gone. */
  forget(repository: RepositoryName, digest: Digest): Promise<void>;
}

/** Repositories whose mark is remembered. */
const REMEMBERED = 10_000;
const WRITTEN_AT_ONCE = 16;

export function createTagNotes(driver: StorageDriver): TagNotes {
  const marks = new LRUCache<RepositoryName, { readonly mark: string | undefined; stillThere: StillThere }>(
    atMost(REMEMBERED),
  );
  /** The marks since which this process has looked at every tag. */
  const believed = new LRUCache<RepositoryName, string>(atMost(REMEMBERED));

  async function readText(key: string): Promise<string | undefined> {
    const content = await orAbsent(driver.read(key));
    return content === undefined ? undefined : Buffer.from(content).toString('latin1');
  }

  async function markOf(repository: RepositoryName): Promise<string | undefined> {
    const known = marks.get(repository);
    if (known?.stillThere()) return known.mark;
    const key = layout.tagNotesMark(repository);
    const stillThere = driver.sight?.(key);
    const mark = await readText(key);
    if (stillThere !== undefined) marks.set(repository, { mark, stillThere });
    return mark;
  }

  async function areComplete(repository: RepositoryName): Promise<boolean> {
    const mark = await markOf(repository);
    return mark !== undefined && believed.get(repository) === mark;
  }

  return {
    areBegun: async (repository) => (await markOf(repository)) !== undefined,
    areComplete,

    async noteMove(repository, tag, digest) {
      if ((await markOf(repository)) === undefined) return;
      await driver.write(layout.tagNote(repository, digest, tag), NOTHING);
    },

    async candidates(repository, digest) {
      const moved = await driver.list(layout.tagNotes(repository, digest));
      const seen = parse(await readText(layout.tagsSeen(repository, bucketOf(digest))));
      const tags = seen.filter(([, target]) => target === digest).map(([tag]) => tag);
      return [...new Set([...moved.map(({ name }) => name).filter(isTag), ...tags])];
    },

    async begin(repository) {
      if ((await markOf(repository)) !== undefined) return;
      await driver.write(layout.tagNotesMark(repository), Buffer.from(randomUUID(), 'latin1'));
    },

    async complete(repository, seen) {
      const mark = await markOf(repository);
      if (mark === undefined) return;
      const buckets = Map.groupBy(seen, ([, digest]) => bucketOf(digest));
      const write = async ([bucket, lines]: readonly [string, readonly (readonly [Tag, Digest])[]]) => {
        const key = layout.tagsSeen(repository, bucket);
        const text = lines.map((line) => `${line.join(' ')}\n`).join('');
        if ((await readText(key)) !== text) await driver.write(key, Buffer.from(text, 'latin1'));
      };
      await pMap(buckets, write, { concurrency: WRITTEN_AT_ONCE });
      believed.set(repository, mark);
    },

    async forget(repository, digest) {
      if ((await markOf(repository)) === undefined) return;
      await driver.delete(layout.tagNotes(repository, digest), { durable: false });
    },
  };
}

const NOTHING = new Uint8Array(0);

/** What was seen is kept in up to 256 objects, of which a delete needs one. */
function bucketOf(digest: Digest): string {
  return hexOf(digest).slice(0, 2);
}

function parse(text = ''): (readonly [tag: Tag, digest: string])[] {
  const lines: (readonly [Tag, string])[] = [];
  for (const line of text.split('\n')) {
    const [tag = '', digest = ''] = line.split(' ');
    if (isTag(tag)) lines.push([tag, digest]);
  }
  return lines;
}
