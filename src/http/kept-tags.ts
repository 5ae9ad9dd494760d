// Tags that a request may neither move nor delete, nor what they are made of.
import type { Policy } from '../auth/policy/policy.ts';
import type { RepositoryName } from '../registry/name.ts';
import type { Tag } from '../registry/reference.ts';
import type { RequestContext } from './context.ts';
import { permitOf } from './guard.ts';

/** `undefined` where there are none, so that nobody looks for them. */
export type KeptTags = (
  ctx: RequestContext,
  repository: RepositoryName,
) => ((tag: Tag) => boolean) | undefined;

/** Who may do everything in a repository may also change what is not to be changed. */
export function createKeptTags(policy: () => Policy): KeptTags {
  return (ctx, repository) => {
    const { isImmutable } = policy();
    if (isImmutable === undefined || permitOf(ctx).may('admin', repository)) return undefined;
    return (tag) => isImmutable(repository, tag);
  };
}
