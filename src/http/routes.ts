// The whole URL table (distribution-spec, "Endpoints"). Names may hold words like `blobs` or `tags`: the last parts of a
// path decide, and no two rows of one method fit one path.
import Router from '@koa/router';
import type { RequestState } from './context.ts';
import type { BaseHandlers } from './handlers/base.ts';
import type { BlobHandlers } from './handlers/blobs.ts';
import type { ListHandlers } from './handlers/lists.ts';
import type { ManifestHandlers } from './handlers/manifests.ts';
import type { UploadHandlers } from './handlers/uploads.ts';

export interface Handlers {
  readonly base: BaseHandlers;
  readonly blobs: BlobHandlers;
  readonly uploads: UploadHandlers;
  readonly manifests: ManifestHandlers;
  readonly lists: ListHandlers;
}

/**
 * `prefix` stands before every path (`http.prefix`). GET rows answer HEAD too. A trailing slash is of no matter anywhere: redirected, a POST would become a GET.
 */
export function createRoutes(
  { base, blobs, uploads, manifests, lists }: Handlers,
  prefix: string,
): Router<RequestState> {
  const router = new Router<RequestState>({ sensitive: true, prefix: prefix.replace(/\/+$/, '') });

  router.get('base', '/v2', base.version); // end-1

  router.get('blob', '/v2/*name/blobs/:digest', blobs.get); // end-2
  router.delete('blob', '/v2/*name/blobs/:digest', blobs.remove); // end-10

  router.get('manifest', '/v2/*name/manifests/:reference', manifests.get); // end-3
  router.put('manifest', '/v2/*name/manifests/:reference', manifests.put); // end-7a, end-7b
  router.delete('manifest', '/v2/*name/manifests/:reference', manifests.remove); // end-9

  router.post('blob_upload', '/v2/*name/blobs/uploads', uploads.begin); // end-4a, end-4b, end-4c, end-11
  router.get('blob_upload_chunk', '/v2/*name/blobs/uploads/:session', uploads.status); // end-13
  router.patch('blob_upload_chunk', '/v2/*name/blobs/uploads/:session', uploads.append); // end-5
  router.put('blob_upload_chunk', '/v2/*name/blobs/uploads/:session', uploads.finish); // end-6
  router.delete('blob_upload_chunk', '/v2/*name/blobs/uploads/:session', uploads.cancel); // end-14

  router.get('tags', '/v2/*name/tags/list', lists.tags); // end-8a, end-8b
  router.get('referrers', '/v2/*name/referrers/:digest', lists.referrers); // end-12a, end-12b

  router.get('catalog', '/v2/_catalog', lists.catalog);
  router.get('extensions', '/v2/_oci/ext/discover', base.extensions);
  router.get('extensions', '/v2/*name/_oci/ext/discover', base.extensions);

  router.get('search_ping', '/v1/_ping', lists.searchPing);
  router.get('search', '/v1/search', lists.search);
  router.get('root', '/', base.root);
  return router;
}
