// Which repositories there are. The tree of names is the catalog: a directory is a repository if it has content of its own.
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { REPOSITORIES, REPOSITORY_MARKS, UPLOAD_MARKS } from './layout.ts';
import { isRepositoryName, type RepositoryName } from './name.ts';

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

/** Whether somebody may know of the repository. Absent: of all of them. */
export type Visible = (name: RepositoryName) => boolean;

export interface CatalogPage {
  readonly names: RepositoryName[];
  readonly more: boolean;
}

export function createCatalog(driver: StorageDriver): Catalog {
  /** The names at and below `path` that bear one of the marks; `path` itself only if `after` does not exclude it. */
  async function* walk(
    path: string,
    marks: readonly string[],
    after?: readonly string[],
  ): AsyncGenerator<RepositoryName> {
    const key = path === '' ? REPOSITORIES : `${REPOSITORIES}/${path}`;
    const entries = await driver.list(key);
    const isMarked = entries.some((entry) => marks.includes(entry.name));
    if (after === undefined && isMarked && isRepositoryName(path)) yield path;
    const [first, ...rest] = after ?? [];
    for (const { name, kind } of entries) {
      if (kind !== 'prefix' || name.startsWith('_')) continue;
      if (first !== undefined && name < first) continue;
      yield* walk(path === '' ? name : `${path}/${name}`, marks, name === first ? rest : undefined);
    }
  }

  function names(after?: string): AsyncIterable<RepositoryName> {
    return walk('', REPOSITORY_MARKS, after === undefined || after === '' ? undefined : after.split('/'));
  }

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

    async search(term, limit, visible = everything) {
      const wanted = term.toLowerCase();
      const matches: { name: RepositoryName; rank: number }[] = [];
      for await (const name of names()) {
        if (name.includes(wanted) && visible(name)) matches.push({ name, rank: rankOf(name, wanted) });
      }
      matches.sort((a, b) => a.rank - b.rank || a.name.length - b.name.length || (a.name < b.name ? -1 : 1));
      return matches.slice(0, limit).map((match) => match.name);
    },
  };
}

function everything(): boolean {
  return true;
}

/** 0 for the very name, then its last component, then names and last components that begin with the term, then the rest. */
function rankOf(name: string, term: string): number {
  const last = name.slice(name.lastIndexOf('/') + 1);
  if (name === term) return 0;
  if (last === term) return 1;
  if (name.startsWith(term)) return 2;
  if (last.startsWith(term)) return 3;
  return 4;
}
