// The endpoints that say that there is a registry here.
import type { Handler } from '../context.ts';
import { replyEmpty, replyJson } from '../reply.ts';

export interface BaseHandlers {
  readonly version: Handler;
  readonly root: Handler;
  readonly extensions: Handler;
}

export function createBaseHandlers(): BaseHandlers {
  return {
    /** distribution-spec end-1 */
    async version(ctx) {
      replyJson(ctx, {});
    },

    /** What load balancers ask for, as the `registry` image answers it. */
    async root(ctx) {
      ctx.res.setHeader('Cache-Control', 'no-cache');
      replyEmpty(ctx, 200);
    },

    /** distribution-spec extensions/_oci.md */
    async extensions(ctx) {
      replyJson(ctx, { extensions: [] });
    },
  };
}
