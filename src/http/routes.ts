// The whole URL table (distribution-spec, "Endpoints"). Names may hold words like `blobs` or `tags`: the last parts of a
// path decide, and no two rows of one method fit one path. Who may do it stands before what is done.
import type Router from '@koa/router';
import type { RequestState } from './context.ts';
import type { Guard } from './guard.ts';
import type { BaseHandlers } from './handlers/base.ts';
import type { BlobHandlers } from './handlers/blobs.ts';
import type { ListHandlers } from './handlers/lists.ts';
import type { ManifestHandlers } from './handlers/manifests.ts';
import type { TokenHandlers } from './handlers/tokens.ts';
import type { UploadHandlers } from './handlers/uploads.ts';
import type { HotAnswers } from './hot-answers.ts';
import { createRouteGroups, type RouteGroups } from './route-groups.ts';

export interface Handlers {
  readonly base: BaseHandlers;
  readonly blobs: BlobHandlers;
  readonly uploads: UploadHandlers;
  readonly manifests: ManifestHandlers;
  readonly lists: ListHandlers;
  /** Only where tokens are made here. */
  readonly tokens?: TokenHandlers;
  /** Only where accounts are kept here. */
  readonly admin?: { addTo(router: Router<RequestState>, guard: Guard): void };
}

/** Where tokens are asked for, below `http.prefix`. */
export const TOKEN_PATH = '/auth/token';

export interface RouteSettings {
  readonly guard: Guard;
  /** Keep small answers for those who ask next. Stand behind `may('pull')` and nowhere else. */
  readonly kept: Pick<HotAnswers, 'keep' | 'keepGets'>;
  /** Stands before every path (`http.prefix`). */
  readonly prefix: string;
}

/**
 * GET rows answer HEAD too. A trailing slash is of no matter anywhere: redirected, a POST would become a GET.
 */
export function createRoutes(
  { base, blobs, uploads, manifests, lists, tokens, admin }: Handlers,
  { guard, kept: { keep, keepGets }, prefix }: RouteSettings,
): RouteGroups {
  const router = createRouteGroups(prefix.replace(/\/+$/, ''));

  router.get('base', '/v2', guard.known, base.version); // end-1

  router.get('blob', '/v2/*name/blobs/:digest', guard.may('pull'), keepGets, blobs.get); // end-2
  router.delete('blob', '/v2/*name/blobs/:digest', guard.may('delete'), blobs.remove); // end-10

  router.get('manifest', '/v2/*name/manifests/:reference', guard.may('pull'), keep, manifests.get); // end-3
  router.put('manifest', '/v2/*name/manifests/:reference', guard.may('push'), manifests.put); // end-7a, end-7b
  router.delete('manifest', '/v2/*name/manifests/:reference', guard.may('delete'), manifests.remove); // end-9

  router.post('blob_upload', '/v2/*name/blobs/uploads', guard.may('push'), uploads.begin); // end-4a, end-4b, end-4c, end-11
  router.get('blob_upload_chunk', '/v2/*name/blobs/uploads/:session', guard.may('push'), uploads.status); // end-13
  router.patch('blob_upload_chunk', '/v2/*name/blobs/uploads/:session', guard.may('push'), uploads.append); // end-5
  router.put('blob_upload_chunk', '/v2/*name/blobs/uploads/:session', guard.may('push'), uploads.finish); // end-6
  router.delete('blob_upload_chunk', '/v2/*name/blobs/uploads/:session', guard.may('push'), uploads.cancel); // end-14

  router.get('tags', '/v2/*name/tags/list', guard.may('pull'), keep, lists.tags); // end-8a, end-8b
  router.get('referrers', '/v2/*name/referrers/:digest', guard.may('pull'), keep, lists.referrers); // end-12a, end-12b

  router.get('catalog', '/v2/_catalog', guard.lists, lists.catalog);
  router.get('extensions', '/v2/_oci/ext/discover', guard.known, base.extensions);
  router.get('extensions', '/v2/*name/_oci/ext/discover', guard.may('pull'), base.extensions);

  router.get('search_ping', '/v1/_ping', guard.open, lists.searchPing);
  router.get('search', '/v1/search', guard.lists, lists.search);
  router.get('root', '/', guard.open, base.root);

  if (tokens !== undefined) {
    router.get('token', TOKEN_PATH, guard.open, tokens.get); // Docker token specification
    router.post('token', TOKEN_PATH, guard.open, tokens.post); // its OAuth 2 variant, RFC 8693
    router.get('keys', '/auth/jwks', guard.open, tokens.keys); // RFC 7517
  }
  admin?.addTo(router.others, guard);
  return router;
}
