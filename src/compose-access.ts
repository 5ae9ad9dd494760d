// What is known of who may do what when a registry is put together. Where nobody is asked, nothing of it is loaded.
import type { Logger } from 'pino';
import type { Accounts } from './auth/accounts/accounts.ts';
import type { FirstAdministrator } from './auth/accounts/administrators.ts';
import { createOpenGate, type Gatekeeper } from './auth/gatekeeper.ts';
import type { LimitedLogins } from './auth/limited-logins.ts';
import type { Policy } from './auth/policy/policy.ts';
import { openPolicy } from './auth/policy/without-rules.ts';
import type { SigningKeys } from './auth/tokens/signing-keys.ts';
import type { TokenService } from './auth/tokens/token-service.ts';
import type { TokenHandlersDependencies } from './http/handlers/tokens.ts';
import type { Handlers } from './http/routes.ts';

export interface Access {
  readonly gatekeeper: Gatekeeper;
  /** The rules that hold now. */
  readonly policy: () => Policy;
  /** Gets a line for each login, refusal and act of administration. */
  readonly audit: Logger;
  /** Where tokens are made here. */
  readonly tokens?: TokenOffice;
  /** Where accounts are kept here. */
  readonly accounts?: Accounts;
  /** To be shown once: who may administrate the registry, if nobody else may. */
  readonly firstAdministrator?: FirstAdministrator;
  /** What answers requests for tokens and accounts. */
  readonly handlers?: (settings: OfficeSettings) => Pick<Handlers, 'tokens' | 'admin'>;
  close(): Promise<void>;
}

/** What the rest of the server decides for those handlers. */
export type OfficeSettings = Pick<TokenHandlersDependencies, 'pace' | 'onToken'>;

/** What makes tokens, and who asks for them. */
export interface TokenOffice {
  readonly service: TokenService;
  readonly keys: SigningKeys;
  readonly logins: LimitedLogins;
  /** The service that they are for. */
  readonly serviceName: string;
}

/** Without an `auth` section: everybody may do everything. */
export function openToEverybody(log: Logger): Access {
  return {
    gatekeeper: createOpenGate(),
    policy: () => openPolicy,
    audit: auditOf(log),
    async close() {},
  };
}

/** The log of those who ask what was done by whom. */
export function auditOf(log: Logger): Logger {
  return log.child({ log: 'audit' });
}
