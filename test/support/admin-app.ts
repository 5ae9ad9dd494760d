// The admin API over accounts in memory, with logins by name and password in front of it.
import Router from '@koa/router';
import Koa from 'koa';
import request from 'supertest';
import type { Accounts } from '../../src/auth/accounts/accounts.ts';
import { ANONYMOUS } from '../../src/auth/caller.ts';
import { unlimited } from '../../src/auth/permit.ts';
import type { RequestState } from '../../src/http/context.ts';
import { type AdminAct, createAdminHandlers } from '../../src/http/handlers/admin/handlers.ts';
import { addAdminRoutes } from '../../src/http/handlers/admin/routes.ts';
import { closeAfterRefusal } from '../../src/http/middleware/close-after-refusal.ts';
import { onlyKnownRoutes } from '../../src/http/middleware/only-known-routes.ts';
import { reportErrors } from '../../src/http/middleware/report-errors.ts';
import { type AccountsWorld, openAccountsWorld, PASSWORD } from '../auth/accounts/open-accounts.ts';

export interface AdminApp extends AccountsWorld {
  readonly app: Koa<RequestState>;
  readonly acts: readonly AdminAct[];
  readonly revoked: readonly string[];
  /**
   * Sends JSON as somebody: the name and password are parted by a colon. `scoped` stands for a token of limited scope.
   */
  send(
    as: string,
    method: Method,
    path: string,
    body?: unknown,
    scoped?: 'scoped',
  ): Promise<request.Response>;
}

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

export const ROOT = `root:${PASSWORD}`;
export const ALICE = `alice:${PASSWORD}`;
const SCOPED = 'x-test-scoped';

/** With the administrator `root` and the user `alice`. */
export async function openAdminApp(
  change: (accounts: Accounts) => Partial<Accounts> = () => ({}),
): Promise<AdminApp> {
  const world = openAccountsWorld();
  const { accounts } = world;
  await accounts.users.add({ name: 'root', password: PASSWORD, isAdministrator: true });
  await accounts.users.add({ name: 'alice', password: PASSWORD });
  const acts: AdminAct[] = [];
  const revoked: string[] = [];
  const handlers = createAdminHandlers({
    accounts: { ...accounts, ...change(accounts) },
    revokeToken: async (token) => void revoked.push(token),
    audit: (act) => void acts.push(act),
    prefix: '/registry',
    pace: { minimumRate: 0, periodMs: 60_000 },
  });
  const router = new Router<RequestState>({ sensitive: true, prefix: '/registry' });
  addAdminRoutes(router, handlers, { administration: async (_ctx, next) => void (await next()) });
  const app = new Koa<RequestState>();
  app.use(closeAfterRefusal());
  app.use(reportErrors());
  app.use(async function authenticate(ctx, next) {
    const [name = '', secret = ''] = atob(ctx.get('Authorization').replace('Basic ', '')).split(':');
    const login = await accounts.verify(name, secret);
    const couldBeBetter = login === undefined || ctx.get(SCOPED) !== '';
    ctx.state.permit = { ...unlimited(login?.caller ?? ANONYMOUS), couldBeBetter };
    await next();
  });
  app.use(router.routes());
  app.use(onlyKnownRoutes());
  return {
    ...world,
    app,
    acts,
    revoked,
    async send(as, method, path, body, scoped) {
      const sent = request(app.callback())[method](`/registry/berth/v1${path}`);
      if (as !== '') sent.set('Authorization', `Basic ${btoa(as)}`);
      if (scoped !== undefined) sent.set(SCOPED, '1');
      return body === undefined
        ? sent
        : sent.set('Content-Type', 'application/json').send(JSON.stringify(body));
    },
  };
}
