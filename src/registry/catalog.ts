// Which repositories there are. The tree of names is the catalog: a directory is a repository if it has content of its own.
import type { ListEntry, StorageDriver } from '../../storage-drivers/driver.ts';
import { REPOSITORIES, REPOSITORY_MARKS, UPLOAD_MARKS } from './layout.ts';
import { isRepositoryName, type RepositoryName } from './name.ts';
import { createSearch, type Visible } from './search.ts';

export interface Catalog {
  /**
   * The names of all repositories after the given one, which need not exist. Their order is by component: `a`, `a/b`,
   * `a-b`. Names that no client could ask for, as other servers may have left them, are passed over.
   */
  names(after?: string): AsyncIterable<RepositoryName>;
  /** The names under which there is anything to do with uploads, whether or not there is a repository. */
  namesWithUploads(): AsyncIterable<RepositoryName>;
  /**
   * Up to `limit` names after the given one, and whether there are more (docker registry API, "Listing Repositories"). Names
   * that are not visible are as good as not there: they fill no page, and none of them is among the "more".
   */
  page(limit: number, after?: string, visible?: Visible): Promise<CatalogPage>;
  /** Up to `limit` visible names that contain the term, the best match first (docker registry API v1, "Search"). */
  search(term: string, limit: number, visible?: Visible): Promise<RepositoryName[]>;
}

export interface CatalogPage {
  readonly names: RepositoryName[];
  readonly more: boolean;
}

/** Names that are read from a directory at first; then twice as many each time, for who wants them all. */
const FIRST_STEP = 1000;

export function createCatalog(driver: StorageDriver): Catalog {
  /** The names at and below `path` that bear one of the marks; `path` itself only if `after` does not exclude it. */
  async function* walk(
    path: string,
    marks: readonly string[],
    after?: readonly string[],
  ): AsyncGenerator<RepositoryName> {
    const [first, ...rest] = after ?? [];
    // Not looked for in the list: it need not be there, nor be a name.
    if (first !== undefined && isRepositoryName(below(path, first))) {
      yield* walk(below(path, first), marks, rest);
    }
    let last = first;
    for (let limit = FIRST_STEP; ; limit *= 2) {
      const entries = await driver.list(keyOf(path), { limit, ...(last !== undefined && { after: last }) });
      if (after === undefined && last === undefined && isRepositoryName(path)) {
        if (await isMarked(path, marks, entries, entries.length < limit)) yield path;
      }
      for (const { name, kind } of entries) {
        if (kind === 'prefix' && isRepositoryName(below(path, name))) yield* walk(below(path, name), marks);
      }
      if (entries.length < limit) return;
      last = entries.at(-1)?.name;
    }
  }

  /** Among many names a mark may not have come up yet. */
  async function isMarked(
    path: string,
    marks: readonly string[],
    entries: readonly ListEntry[],
    isAll: boolean,
  ): Promise<boolean> {
    if (entries.some(({ name }) => marks.includes(name))) return true;
    if (isAll) return false;
    const looks = marks.map((mark) => driver.list(`${keyOf(path)}/${mark}`, { limit: 1 }));
    return (await Promise.all(looks)).some((found) => found.length > 0);
  }

  function names(after?: string): AsyncIterable<RepositoryName> {
    return walk('', REPOSITORY_MARKS, after === undefined || after === '' ? undefined : after.split('/'));
  }

  const search = createSearch(() => names());

  return {
    names,

    namesWithUploads: () => walk('', UPLOAD_MARKS),

    async page(limit, after, visible = everything) {
      const found: RepositoryName[] = [];
      if (limit === 0) return { names: found, more: false };
      for await (const name of names(after)) {
        if (!visible(name)) continue;
        if (found.length === limit) return { names: found, more: true };
        found.push(name);
      }
      return { names: found, more: false };
    },

    search: (term, limit, visible = everything) => search(term, limit, visible),
  };
}

function keyOf(path: string): string {
  return path === '' ? REPOSITORIES : `${REPOSITORIES}/${path}`;
}

function below(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`;
}

function everything(): boolean {
  return true;
}
