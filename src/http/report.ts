// Tells whoever wants to know what a request did to the content of a repository, with the circumstances of the request.
import type { Circumstances, Happening } from '../registry/happening.ts';
import type { Exchange } from './context.ts';
import { permitOf } from './guard.ts';
import type { Locations } from './locations.ts';
import type { ClientOrigin } from './origin.ts';
import { hostOf } from './protocol.ts';

/** Resolves when the request may be answered. Throws if it must not be answered with success. */
export type Report = (exchange: Exchange, happening: Happening) => Promise<void>;

export interface ReportDependencies {
  readonly tell: (happening: Happening, circumstances: Circumstances) => Promise<void>;
  readonly originOf: ClientOrigin;
  readonly locations: Pick<Locations, 'blob' | 'manifest'>;
}

/** Characters of what a client says of itself that are passed on. */
const MOST_TEXT = 512;

export function createReport({ tell, originOf, locations }: ReportDependencies): Report {
  return async (exchange, happening) => {
    const location = locationOf(happening);
    const { req, state } = exchange;
    await tell(happening, {
      ...(location !== undefined && {
        url: location.startsWith('/') ? `${originOf(req)}${location}` : location,
      }),
      actor: permitOf(exchange).caller.name,
      request: {
        id: state.id,
        addr: addressOf(exchange),
        host: (hostOf(req) ?? '').slice(0, MOST_TEXT),
        method: exchange.method,
        useragent: (req.headers['user-agent'] ?? '').slice(0, MOST_TEXT),
      },
    });
  };

  function locationOf(happening: Happening): string | undefined {
    if (happening.kind === 'link') return undefined;
    const { kind, repository, digest } = happening;
    return kind === 'blob' ? locations.blob(repository, digest) : locations.manifest(repository, digest);
  }
}

/** With the port, where the client is the one at the other end of the connection. */
function addressOf({ state, req }: Exchange): string {
  const { remoteAddress = '', remotePort } = req.socket;
  const isDirect = remoteAddress.replace(/^::ffff:/i, '') === state.remoteAddress;
  if (!isDirect || remotePort === undefined) return state.remoteAddress;
  const host = state.remoteAddress.includes(':') ? `[${state.remoteAddress}]` : state.remoteAddress;
  return `${host}:${remotePort}`;
}
