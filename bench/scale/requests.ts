// What the two servers of `npm run bench:scale` are asked, each on its own store.
import type { Connection, Request } from '../load/connection.ts';
import { prepareImage, pushImage } from '../load/image.ts';
import {
  type Amounts,
  commonImage,
  imageOfTag,
  MANIFEST_TYPE,
  PAGE,
  REFERRED,
  referrerAt,
  repositoryAt,
  standsAlone,
  TAGGED,
  tagAt,
} from './contents.ts';

/** One line of the table: something that is done so many times in a row. */
export interface Errand {
  readonly title: string;
  readonly times: number;
  /** Does it once. Throws `WrongAnswer`. */
  run(connection: Connection): Promise<unknown>;
}

const ACCEPT = { Accept: MANIFEST_TYPE };
const REPEATED = 50;
const DELETED = 5;

/**
 * In the order in which they are to be run on a server that was just started. `round` differs each time; `untilIdle` waits until the
 * server has nothing to do. Throws an Error.
 */
export async function planErrands(
  amounts: Amounts,
  round: string,
  url: string,
  untilIdle: () => Promise<void>,
): Promise<Errand[]> {
  const alone = await tagsToDelete(amounts, url);
  const shared = alone.map((index) => tagAt(index + 1));
  const [firstManifest, ...manifests] = alone.map(
    (index) => `/v2/${TAGGED}/manifests/${imageOfTag(index).digest}`,
  );
  const get = (target: string): Request => ({ method: 'GET', target, headers: ACCEPT, status: 200 });
  const removal = (target = ''): Request => ({ method: 'DELETE', target, status: 202 });
  const once = (title: string, request: Request): Errand => ({
    title,
    times: 1,
    run: (connection) => connection.exchange(request),
  });
  const repeated = (title: string, request: Request, times = REPEATED): Errand => ({
    ...once(title, request),
    times,
  });
  const pushes = (title: string, repositoryOf: (count: number) => string): Errand => {
    const images = Array.from({ length: 20 }, (_, count) => prepareImage(`pushed-${round}-${count}`));
    let count = 0;
    return {
      title,
      times: images.length,
      async run(connection) {
        const image = images[count];
        count += 1;
        if (image !== undefined) await pushImage(connection, repositoryOf(count), image);
      },
    };
  };
  const tag = tagAt(Math.floor(amounts.tags / 2) + 2);
  return [
    ...pagesOf(amounts).map(([title, target]) => once(`${title}, first`, get(target))),
    ...pagesOf(amounts).map(([title, target]) => repeated(title, get(target))),
    repeated('GET manifest by tag, many tags', get(`/v2/${TAGGED}/manifests/${tag}`), 1000),
    repeated('GET manifest by tag', get(`/v2/${repositoryAt(17)}/manifests/latest`), 1000),
    pushes('push, repository with many tags', () => TAGGED),
    pushes('push, new repository', (count) => `pushed/in-${round}-${count}`),
    once('page of tags after a push', get(`/v2/${TAGGED}/tags/list?n=${PAGE}`)),
    each(
      'delete a tag',
      shared.map((name) => removal(`/v2/${TAGGED}/manifests/${name}`)),
    ),
    once('delete a manifest, first', removal(firstManifest)),
    { title: 'what it leaves for later', times: 1, run: untilIdle },
    each('delete a manifest', manifests.map(removal)),
    once('search', get('/v1/search?q=app-00012&n=25')),
  ];
}

function each(title: string, requests: readonly Request[]): Errand {
  const left = [...requests];
  return {
    title,
    times: left.length,
    async run(connection) {
      const next = left.shift();
      if (next !== undefined) await connection.exchange(next);
    },
  };
}

/** The pages that are asked for, by name. */
function pagesOf({ repositories, tags, referrers }: Amounts): (readonly [title: string, target: string])[] {
  const subject = commonImage().digest;
  const digests = Array.from({ length: referrers }, (_, index) => referrerAt(index).digest).sort();
  const lists = [
    ['catalog', '/v2/_catalog', repositories, repositoryAt],
    ['tags', `/v2/${TAGGED}/tags/list`, tags, tagAt],
    ['referrers', `/v2/${REFERRED}/referrers/${subject}`, referrers, (index: number) => digests[index] ?? ''],
  ] as const;
  return lists.flatMap(([what, path, amount, nameAt]) => [
    [`page of ${what}, at the beginning`, `${path}?n=${PAGE}`] as const,
    [`page of ${what}, in the middle`, `${path}?n=${PAGE}&last=${nameAt(amount >> 1)}`] as const,
    [`page of ${what}, at the end`, `${path}?n=${PAGE}&last=${nameAt(amount - PAGE - 1)}`] as const,
  ]);
}

/** Tags that stand alone and are still there, from the middle on and then from the beginning. */
async function tagsToDelete({ tags }: Amounts, url: string): Promise<number[]> {
  const found: number[] = [];
  for (let count = 0; count < tags && found.length <= DELETED; count += 1) {
    const index = (count + (tags >> 1)) % tags;
    if (!standsAlone(index)) continue;
    const answer = await fetch(`${url}/v2/${TAGGED}/manifests/${tagAt(index)}`, {
      method: 'HEAD',
      headers: ACCEPT,
    });
    if (answer.status === 200) found.push(index);
  }
  if (found.length <= DELETED) throw new Error('the store is used up: make a new one');
  return found;
}
