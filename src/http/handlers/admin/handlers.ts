// The admin API: accounts made, changed and removed over HTTP. What each endpoint takes, gives and asks for: operations.ts.
import type { Accounts } from '../../../auth/accounts/accounts.ts';
import type { Caller } from '../../../auth/caller.ts';
import { RegistryError } from '../../../registry/errors.ts';
import { type Handler, parameter, type RequestContext } from '../../context.ts';
import { linkNext, readPageRequest } from '../../pagination.ts';
import { replyEmpty, replyJson } from '../../reply.ts';
import type { PaceSettings } from '../../transfer-pace.ts';
import { callerOf, requireAccount, requireAdministrator, requireCaller } from './access.ts';
import { readJson } from './json-body.ts';
import { describeOperations } from './openapi.ts';
import { type Operation, type OperationId, operations } from './operations.ts';

export type AdminHandlers = { readonly [Id in OperationId]: Handler };

/** What somebody did, for the audit log. Holds no secret. */
export interface AdminAct {
  readonly act: OperationId;
  readonly by: Caller;
  /** Names of the accounts that it was about. */
  readonly about: readonly string[];
}

export interface AdminHandlersDependencies {
  readonly accounts: Pick<Accounts, 'users' | 'groups' | 'robots'>;
  /** Ends one refresh token; resolves also for one that is not known. */
  readonly revokeToken: (token: string) => Promise<void>;
  /** Is told of every change that was made. */
  readonly audit: (act: AdminAct) => void;
  /** What stands before every path (`http.prefix`). */
  readonly prefix: string;
  readonly pace: PaceSettings;
}

/** What a list may have on one page, and has when the client does not say. */
const MOST_ENTRIES = 1000;
const PAGE = 100;

/** Where the admin API is, below `http.prefix`. */
export const ADMIN_BASE = '/berth/v1';

export function createAdminHandlers(dependencies: AdminHandlersDependencies): AdminHandlers {
  const { accounts, revokeToken, audit, prefix, pace } = dependencies;
  const { users, groups, robots } = accounts;
  const base = `${prefix.replace(/\/+$/, '')}${ADMIN_BASE}`;
  const document = describeOperations(base);

  /** The checks that all endpoints have, then the endpoint, then its answer. */
  function serve(id: OperationId, answer: (ctx: RequestContext) => Promise<Answer>): Handler {
    const operation: Operation = operations[id];
    return async (ctx) => {
      ctx.res.setHeader('Cache-Control', 'no-store');
      requireCaller(ctx, operation.who);
      refuseUnknownParameters(ctx, operation);
      const { body, about = Object.values(ctx.params) } = await answer(ctx);
      if (operation.method !== 'get') audit({ act: id, by: callerOf(ctx), about: about.map(String) });
      const [status] = operation.gives;
      if (status === 204) return replyEmpty(ctx, 204);
      ctx.status = status;
      replyJson(ctx, body);
    };
  }

  const name = (ctx: RequestContext) => parameter(ctx, 'name');

  async function page<Entry extends { readonly name: string }>(
    ctx: RequestContext,
    noun: string,
    read: (limit: number, after?: string) => Promise<{ entries: readonly Entry[]; more: boolean }>,
  ): Promise<Answer> {
    const { limit = PAGE, after } = readPageRequest(ctx, MOST_ENTRIES);
    const { entries, more } = await read(limit, after);
    const last = entries.at(-1)?.name;
    if (more && last !== undefined) {
      linkNext(ctx, `${base}/${noun}`, [
        ['last', last],
        ['n', String(limit)],
      ]);
    }
    return { body: { [noun]: entries } };
  }

  return {
    describeApi: serve('describeApi', async () => ({ body: document })),
    whoAmI: serve('whoAmI', async (ctx) => {
      const { kind, name, groups, isAdministrator = false } = callerOf(ctx);
      return { body: { kind, name, groups, isAdministrator } };
    }),
    changeOwnPassword: serve('changeOwnPassword', async (ctx) => {
      const caller = requireAccount(ctx);
      const { currentPassword, newPassword } = await readJson(ctx, operations.changeOwnPassword.takes, pace);
      await users.changePassword(caller.name, currentPassword, newPassword);
      return { about: [caller.name] };
    }),

    listUsers: serve('listUsers', (ctx) => page(ctx, 'users', users.page)),
    addUser: serve('addUser', async (ctx) => {
      const body = await users.add(await readJson(ctx, operations.addUser.takes, pace));
      return { body, about: [body.name] };
    }),
    getUser: serve('getUser', async (ctx) => ({ body: await users.get(name(ctx)) })),
    changeUser: serve('changeUser', async (ctx) => {
      const changes = await readJson(ctx, operations.changeUser.takes, pace);
      return { body: await users.change(name(ctx), changes) };
    }),
    setPassword: serve('setPassword', async (ctx) => {
      const { password } = await readJson(ctx, operations.setPassword.takes, pace);
      await users.setPassword(name(ctx), password);
      return {};
    }),
    removeUser: serve('removeUser', async (ctx) => done(users.remove(name(ctx)))),

    listGroups: serve('listGroups', (ctx) => page(ctx, 'groups', groups.page)),
    addGroup: serve('addGroup', async (ctx) => {
      const { name } = await readJson(ctx, operations.addGroup.takes, pace);
      return { body: await groups.add(name), about: [name] };
    }),
    getGroup: serve('getGroup', async (ctx) => ({ body: await groups.get(name(ctx)) })),
    removeGroup: serve('removeGroup', async (ctx) => done(groups.remove(name(ctx)))),
    joinGroup: serve('joinGroup', async (ctx) => done(groups.join(name(ctx), parameter(ctx, 'user')))),
    leaveGroup: serve('leaveGroup', async (ctx) => done(groups.leave(name(ctx), parameter(ctx, 'user')))),

    listRobots: serve('listRobots', (ctx) => page(ctx, 'robots', robots.page)),
    addRobot: serve('addRobot', async (ctx) => {
      const wanted = await readJson(ctx, operations.addRobot.takes, pace);
      const { robot, secret } = await robots.add(wanted);
      return { body: { ...robot, secret }, about: [robot.name] };
    }),
    getRobot: serve('getRobot', async (ctx) => ({ body: await robots.get(name(ctx)) })),
    changeRobot: serve('changeRobot', async (ctx) => {
      const changes = await readJson(ctx, operations.changeRobot.takes, pace);
      return { body: await robots.change(name(ctx), changes) };
    }),
    rotateRobot: serve('rotateRobot', async (ctx) => {
      await readJson(ctx, operations.rotateRobot.takes, pace);
      const secret = await robots.rotate(name(ctx));
      const robot = await robots.get(name(ctx));
      return { body: { name: robot.name, login: robot.login, secret } };
    }),
    removeRobot: serve('removeRobot', async (ctx) => done(robots.remove(name(ctx)))),

    revokeTokens: serve('revokeTokens', async (ctx) => {
      const wanted = await readJson(ctx, operations.revokeTokens.takes, pace);
      // Whoever holds a token may end it, whosever it is.
      if ('token' in wanted) return done(revokeToken(wanted.token), []);
      if ('robot' in wanted) {
        requireAdministrator(ctx);
        return done(robots.endSessions(wanted.robot), [wanted.robot]);
      }
      const { kind, name } = callerOf(ctx);
      if (kind !== 'account' || name !== wanted.user) requireAdministrator(ctx);
      return done(users.endSessions(wanted.user), [wanted.user]);
    }),
  };
}

interface Answer {
  readonly body?: unknown;
  /** The parameters of the path, if not given. */
  readonly about?: readonly string[];
}

async function done(change: Promise<unknown>, about?: readonly string[]): Promise<Answer> {
  await change;
  return about === undefined ? {} : { about };
}

/** Lists are not searched or sorted by what a client makes up, least of all by a secret (CVE-2025-30086). */
function refuseUnknownParameters(ctx: RequestContext, { isPaged }: Operation): void {
  const allowed = isPaged ? ['n', 'last'] : [];
  for (const parameter of new URLSearchParams(ctx.querystring).keys()) {
    if (!allowed.includes(parameter))
      throw new RegistryError('parameterInvalid', { detail: parameter.slice(0, 40) });
  }
}
