// Lists: tags (distribution-spec end-8), referrers (end-12), the catalog and docker's search.
import type { Catalog } from '../../registry/catalog.ts';
import { parseDigest } from '../../registry/digest.ts';
import { RegistryError } from '../../registry/errors.ts';
import { OCI_INDEX } from '../../registry/media-types.ts';
import { parseRepositoryName } from '../../registry/name.ts';
import type { Referrers } from '../../registry/referrers.ts';
import type { Repositories } from '../../registry/repositories.ts';
import type { Tags } from '../../registry/tags.ts';
import { type Handler, parameter } from '../context.ts';
import { permitOf } from '../guard.ts';
import type { Locations } from '../locations.ts';
import { linkNext, readPageRequest } from '../pagination.ts';
import { allValues, singleValue } from '../query.ts';
import { replyJson } from '../reply.ts';

export interface ListHandlers {
  readonly tags: Handler;
  readonly referrers: Handler;
  readonly catalog: Handler;
  readonly search: Handler;
  readonly searchPing: Handler;
}

export interface ListHandlersDependencies {
  readonly repositories: Repositories;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly catalog: Catalog;
  readonly locations: Locations;
  /** Most entries on a page (`tags.maxtags`, `catalog.maxentries`). */
  readonly maxTags: number;
  readonly maxRepositories: number;
}

/** Names on a page of the catalog when the client does not say. */
const CATALOG_PAGE = 100;
const SEARCH_RESULTS = 25;
const MOST_SEARCH_RESULTS = 100;
const MOST_REFERRERS = 10_000;

export function createListHandlers(dependencies: ListHandlersDependencies): ListHandlers {
  const { repositories, tags, referrers, catalog, locations, maxTags, maxRepositories } = dependencies;
  return {
    async tags(ctx) {
      const repository = parseRepositoryName(parameter(ctx, 'name'));
      const { limit, after } = readPageRequest(ctx, maxTags);
      const page = await tags.page(repository, limit, after);
      if (page.tags.length === 0 && !(await repositories.exists(repository))) {
        throw new RegistryError('nameUnknown', { detail: { name: repository } });
      }
      const last = page.tags.at(-1);
      if (page.more && last !== undefined) {
        linkNext(ctx, locations.path(repository, 'tags/list'), [
          ['last', last],
          ['n', String(limit)],
        ]);
      }
      replyJson(ctx, { name: repository, tags: page.tags });
    },

    async referrers(ctx) {
      const repository = parseRepositoryName(parameter(ctx, 'name'));
      const subject = parseDigest(parameter(ctx, 'digest'));
      const request = readPageRequest(ctx, MOST_REFERRERS);
      const artifactTypes = allValues(ctx, 'artifactType').filter((type) => type !== '');
      const page = await referrers.page(repository, subject, { artifactTypes, ...request });
      if (artifactTypes.length > 0) ctx.res.setHeader('OCI-Filters-Applied', 'artifactType');
      const last = page.referrers.at(-1);
      if (page.more && last !== undefined) {
        linkNext(ctx, locations.path(repository, `referrers/${subject}`), [
          ...artifactTypes.map((type) => ['artifactType', type] as const),
          ['last', last.digest],
          ...(request.limit === undefined ? [] : [['n', String(request.limit)] as const]),
        ]);
      }
      const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: page.referrers };
      replyJson(ctx, index, OCI_INDEX);
    },

    async catalog(ctx) {
      const { limit = Math.min(CATALOG_PAGE, maxRepositories), after } = readPageRequest(
        ctx,
        maxRepositories,
      );
      const page = await catalog.page(limit, after, permitOf(ctx).maySee);
      const last = page.names.at(-1);
      if (page.more && last !== undefined) {
        linkNext(ctx, locations.rootPath('_catalog'), [
          ['last', last],
          ['n', String(limit)],
        ]);
      }
      replyJson(ctx, { repositories: page.names });
    },

    async search(ctx) {
      const query = singleValue(ctx, 'q') ?? '';
      const { limit } = readPageRequest(ctx, MOST_SEARCH_RESULTS);
      const most = limit === undefined || limit === 0 ? SEARCH_RESULTS : limit;
      const names = await catalog.search(query, most, permitOf(ctx).maySee);
      const results = names.map((name) => ({
        name,
        description: '',
        star_count: 0,
        is_official: false,
        is_automated: false,
      }));
      replyJson(ctx, { num_results: results.length, query, results });
    },

    async searchPing(ctx) {
      replyJson(ctx, {});
    },
  };
}
