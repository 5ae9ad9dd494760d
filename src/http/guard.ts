// Lets a request through to its endpoint, or not. Every endpoint has one of these in front of it, in the table of routes.
import type { Logger } from 'pino';
import { describeCaller } from '../auth/audit.ts';
import type { Action, Caller } from '../auth/caller.ts';
import { basicChallenge, type ChallengeFacts, type Gatekeeper, type Knock } from '../auth/gatekeeper.ts';
import type { Permit } from '../auth/permit.ts';
import { readCredentials } from '../auth/tokens/credentials.ts';
import { CATALOG, type Scope } from '../auth/tokens/scope.ts';
import { isRefusal, RegistryError } from '../registry/errors.ts';
import { isRepositoryName, parseRepositoryName, type RepositoryName } from '../registry/name.ts';
import { type Exchange, parameter, type RequestContext } from './context.ts';
import type { ClientOrigin } from './origin.ts';
import { singleValue } from './query.ts';
import { certificateCaller } from './tls/client-certificate.ts';

type Step = (ctx: RequestContext, next: () => Promise<unknown>) => Promise<void>;

export interface Guard {
  /** Everybody comes through. */
  readonly open: Step;
  /** Who is known, or need not be. */
  readonly known: Step;
  /** Who may ask for catalog and search. */
  readonly lists: Step;
  /** Everybody comes through, with what is known of them. What is refused behind it can be had with a password. */
  readonly administration: Step;
  /** Who may do all of this in the repository that the path names. */
  may(...actions: readonly [Action, ...Action[]]): Step;
  /**
   * Whether a row with `may` of the action lets the request through; says so to nobody, and changes nothing but the permit in its state.
   * False also where this cannot be told so: a password is tried at the endpoint itself, where failures are counted.
   */
  lets(exchange: Exchange, action: Action, repository: RepositoryName): Promise<boolean>;
}

export interface GuardDependencies {
  readonly gatekeeper: Gatekeeper;
  readonly originOf: ClientOrigin;
  /** Gets one line for each refusal. */
  readonly audit: Logger;
}

const ADMINISTRATION = 'Berth administration';

/** How long a connection is known by the token that it has shown, in milliseconds: far shorter than a token lives. */
const KNOWN_MS = 1000;

export function createGuard({ gatekeeper, originOf, audit }: GuardDependencies): Guard {
  /** What the token of a connection's last request allowed. Clients show the same one with each request. */
  const known = new WeakMap<
    object,
    { readonly token: string; readonly permit: Permit; readonly at: number }
  >();

  async function admitAgain(exchange: Exchange): Promise<Permit | undefined> {
    const { socket, headers } = exchange.req;
    const token = headers.authorization;
    if (token === undefined) return gatekeeper.admit(knockOf(exchange));
    const last = known.get(socket);
    const at = performance.now();
    if (last !== undefined && last.token === token && at - last.at < KNOWN_MS) return last.permit;
    const permit = await gatekeeper.admit(knockOf(exchange));
    if (permit !== undefined) known.set(socket, { token, permit, at });
    return permit;
  }

  /** The permit of the request. What it shows counts; a certificate only where it shows nothing. */
  async function admit(ctx: RequestContext, scopes: () => readonly Scope[]): Promise<Permit> {
    const permit = await gatekeeper.admit(knockOf(ctx));
    if (permit === undefined) throw refusal(ctx, scopes(), undefined);
    ctx.state.permit = permit;
    return permit;
  }

  function refusal(ctx: RequestContext, scopes: readonly Scope[], permit: Permit | undefined): RegistryError {
    const { fault, isFinal } = faultOf(ctx, permit);
    const challenge = isFinal
      ? undefined
      : gatekeeper.challenge({ scopes, origin: originOf(ctx.req), ...(fault && { fault }) });
    const isWrongLogin = permit === undefined && /^basic /i.test(ctx.get('Authorization'));
    const reason = challenge === undefined ? 'denied' : isWrongLogin ? 'loginWrong' : 'unauthorized';
    if (permit !== undefined) tell(ctx, scopes, permit.caller, reason);
    if (challenge !== undefined) ctx.res.setHeader('WWW-Authenticate', challenge);
    return new RegistryError(reason, { detail: detailOf(scopes) });
  }

  /** Clients ask without credentials first, and at the door, to be told what they need: that is no event. */
  function tell(ctx: RequestContext, scopes: readonly Scope[], caller: Caller, reason: string): void {
    const isQuestion = caller.kind === 'anonymous' || scopes.length === 0;
    if (isQuestion && reason === 'unauthorized') return;
    audit.warn(
      {
        event: 'refused',
        ...describeCaller(caller),
        address: ctx.state.remoteAddress,
        request: ctx.state.id,
        scopes: scopes.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`),
      },
      'request refused',
    );
  }

  return {
    async open(_ctx, next) {
      await next();
    },

    async known(ctx, next) {
      const permit = await admit(ctx, () => []);
      if (isStranger(ctx, permit) && gatekeeper.asksAtTheDoor && permit.couldBeBetter)
        throw refusal(ctx, [], permit);
      await next();
    },

    async lists(ctx, next) {
      const permit = await admit(ctx, () => [CATALOG]);
      if (!permit.mayList) throw refusal(ctx, [CATALOG], permit);
      await next();
    },

    async administration(ctx, next) {
      const permit = await gatekeeper.admit(knockOf(ctx));
      try {
        if (permit === undefined) throw new RegistryError('loginWrong');
        ctx.state.permit = permit;
        await next();
      } catch (error) {
        if (isRefusal(error, 'unauthorized', 'loginWrong'))
          ctx.res.setHeader('WWW-Authenticate', basicChallenge(ADMINISTRATION));
        throw error;
      }
    },

    may: (...actions) =>
      async function may(ctx, next) {
        const name = parseRepositoryName(parameter(ctx, 'name'));
        const scopes = () => [{ type: 'repository', name, actions } as const, ...mountScope(ctx)];
        const permit = await admit(ctx, scopes);
        if (!actions.every((action) => permit.may(action, name))) throw refusal(ctx, scopes(), permit);
        await next();
      },

    async lets(exchange, action, repository) {
      if (!isAskedQuietly(exchange)) return false;
      const permit = await admitAgain(exchange);
      if (permit?.may(action, repository) !== true) return false;
      exchange.state.permit = permit;
      return true;
    },
  };
}

/** Whether to look at what a request shows leaves no trace: nothing, a certificate or a token. */
function isAskedQuietly({ req }: Exchange): boolean {
  const { authorization } = req.headers;
  return authorization === undefined || /^bearer /i.test(authorization);
}

/** What this request may do. Throws if no guard stands before the endpoint. */
export function permitOf(ctx: Exchange): Permit {
  const { permit } = ctx.state;
  if (permit === undefined) throw new Error(`nobody guards ${ctx.routerName ?? ctx.path}`);
  return permit;
}

/** What the request shows of its sender. */
export function knockOf(ctx: Exchange): Knock {
  const certificate = certificateCaller(ctx.req);
  return {
    authorization: ctx.req.headers.authorization,
    address: ctx.state.remoteAddress,
    ...(certificate && { certificate }),
  };
}

/** What a mount needs besides, so that the client asks for it at once. Without it the mount is an upload. */
function mountScope(ctx: RequestContext): readonly Scope[] {
  if (ctx.method !== 'POST') return [];
  const from = singleValue(ctx, 'from');
  const isMount = singleValue(ctx, 'mount') !== undefined && from !== undefined && isRepositoryName(from);
  return isMount ? [{ type: 'repository', name: from, actions: ['pull'] }] : [];
}

/**
 * Who shows only a certificate is asked all the same: a client that nobody asks does not show the password that it has, and takes
 * a wrong one for right. One without a password gets a token by its certificate.
 */
function isStranger(ctx: RequestContext, { caller }: Permit): boolean {
  if (caller.kind === 'anonymous') return true;
  const showsNothing = readCredentials(ctx.req.headers.authorization).kind === 'none';
  return caller.kind === 'certificate' && showsNothing;
}

function faultOf(
  ctx: RequestContext,
  permit: Permit | undefined,
): { readonly fault?: NonNullable<ChallengeFacts['fault']>; readonly isFinal: boolean } {
  const isToken = /^bearer /i.test(ctx.get('Authorization'));
  if (permit === undefined) return { isFinal: false, ...(isToken && { fault: 'invalid_token' as const }) };
  return {
    isFinal: !permit.couldBeBetter,
    ...(isToken && { fault: 'insufficient_scope' as const }),
  };
}

/** As the `registry` image says it. */
function detailOf(scopes: readonly Scope[]): object[] {
  return scopes.flatMap(({ type, name, actions }) =>
    actions.map((action) => ({ Type: type, Class: '', Name: name, Action: action })),
  );
}
