// What answers requests for tokens and accounts, where they are made and kept here.
import type { Logger } from 'pino';
import type { Accounts } from './auth/accounts/accounts.ts';
import { describeCaller } from './auth/audit.ts';
import type { OfficeSettings, TokenOffice } from './compose-access.ts';
import { createAdminHandlers } from './http/handlers/admin/handlers.ts';
import { addAdminRoutes } from './http/handlers/admin/routes.ts';
import { createTokenHandlers } from './http/handlers/tokens.ts';
import type { Handlers } from './http/routes.ts';

export interface OfficeDependencies {
  readonly tokens: TokenOffice;
  readonly accounts?: Accounts;
  readonly audit: Logger;
  /** What stands before every path (`http.prefix`). */
  readonly prefix: string;
}

export function createOfficeHandlers(
  { tokens, accounts, audit, prefix }: OfficeDependencies,
  { pace, onToken }: OfficeSettings,
): Pick<Handlers, 'tokens' | 'admin'> {
  const { service, keys, logins, serviceName } = tokens;
  return {
    tokens: createTokenHandlers({
      tokens: service,
      keys,
      logins,
      service: serviceName,
      audit,
      pace,
      onToken,
    }),
    ...(accounts && { admin: administrationOf(accounts) }),
  };

  function administrationOf(kept: Accounts): NonNullable<Handlers['admin']> {
    const handlers = createAdminHandlers({
      accounts: kept,
      revokeToken: service.revoke,
      audit: ({ act, by, about }) =>
        audit.info({ event: 'administration', act, ...describeCaller(by), about }, 'accounts changed'),
      prefix,
      pace,
    });
    return { addTo: (router, guard) => addAdminRoutes(router, handlers, guard) };
  }
}
