// Lists in pages (distribution-spec end-8b; the catalog and referrers follow it).
import { RegistryError } from '../registry/errors.ts';
import type { RequestContext } from './context.ts';
import { singleValue } from './query.ts';

export interface PageRequest {
  /** Entries on the page; `undefined` if the client leaves it open. */
  readonly limit?: number;
  /** The last entry that the client has seen. */
  readonly after?: string;
}

/** Reads `n` and `last`. An `n` above `most` is cut to it. Throws `pageNumberInvalid` for one that is no whole number. */
export function readPageRequest(ctx: RequestContext, most: number): PageRequest {
  const n = singleValue(ctx, 'n');
  const last = singleValue(ctx, 'last');
  if (n !== undefined && !/^\d{1,20}$/.test(n)) {
    throw new RegistryError('pageNumberInvalid', { detail: { n: n.slice(0, 40) } });
  }
  return {
    ...(n !== undefined && { limit: Math.min(Number(n), most) }),
    ...(last !== undefined && last !== '' && { after: last }),
  };
}

/** Tells where the next page is. Other parameters of the request come along if they are named. */
export function linkNext(
  ctx: RequestContext,
  path: string,
  parameters: readonly (readonly [name: string, value: string])[],
): void {
  const query = parameters.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  ctx.res.setHeader('Link', `<${path}?${query}>; rel="next"`);
}
