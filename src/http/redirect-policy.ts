// Which clients are sent to the store for blobs, and which get them from here (`storage.redirect`).
import type { BlockList } from 'node:net';
import { isIP } from 'node:net';
import type { RequestContext } from './context.ts';

export interface RedirectSettings {
  readonly disable: boolean;
  readonly except: {
    /** Clients that cannot follow, by their User-Agent. */
    readonly useragents: readonly RegExp[];
    /** Clients that cannot reach the store, by their address. */
    readonly networks: BlockList;
  };
}

export function createRedirectPolicy({
  disable,
  except,
}: RedirectSettings): (ctx: RequestContext) => boolean {
  return (ctx) => {
    if (disable) return false;
    const agent = ctx.get('User-Agent');
    if (except.useragents.some((pattern) => pattern.test(agent))) return false;
    const address = ctx.state.remoteAddress;
    const family = isIP(address);
    return family === 0 || !except.networks.check(address, family === 6 ? 'ipv6' : 'ipv4');
  };
}
