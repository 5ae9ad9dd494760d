// The wiring of who may do what: the `auth` section goes in, a gatekeeper and what stands behind it come out.
import type { Logger } from 'pino';
import type { Configuration } from '../config/schema.ts';
import type { StorageDriver } from '../storage-drivers/driver.ts';
import { type Accounts, createAccounts } from './auth/accounts/accounts.ts';
import { createGate, tokensAlone } from './auth/gate.ts';
import { basicChallenge, bearerChallenge, createSillyGate } from './auth/gatekeeper.ts';
import {
  createLimitedLogins,
  type LimitedLogins,
  type LimitedLoginsDependencies,
} from './auth/limited-logins.ts';
import type { LoginAttempts } from './auth/login-attempts.ts';
import { createFederation } from './auth/oidc/federation.ts';
import { createIssuer, type Issuer } from './auth/oidc/issuer.ts';
import { createBcryptPool } from './auth/passwords/bcrypt-pool.ts';
import { openPasswordFile } from './auth/passwords/password-file.ts';
import { permitFor } from './auth/policy/permit.ts';
import type { Policy } from './auth/policy/policy.ts';
import { accountsPolicy, openPolicy } from './auth/policy/without-rules.ts';
import { createOutsideTokens, type OutsideTokens } from './auth/tokens/outside-tokens.ts';
import { openSigningKeys, readSigningKeys } from './auth/tokens/signing-keys.ts';
import { createTokenService, type Proof, type TokenService } from './auth/tokens/token-service.ts';
import { type Access, auditOf, openToEverybody } from './compose-access.ts';
import { OFFICE } from './compose-keys.ts';
import { openAttempts } from './compose-logins.ts';
import { createOfficeHandlers } from './compose-office.ts';
import { type KnownNames, knownToConfiguration, openRules } from './compose-rules.ts';
import type { Locks } from './registry/locks.ts';

export interface AccessDependencies {
  readonly driver: StorageDriver;
  readonly locks: Locks;
  readonly log: Logger;
  /** Hears how each login ended, and not whose it was. */
  readonly onLogin?: LimitedLoginsDependencies['onLogin'];
  /** Where several processes answer the requests of one server. */
  readonly shared?: SharedAccess;
}

/** What they have in common, so that together they are not more lenient than one. */
export interface SharedAccess {
  readonly attempts: LoginAttempts;
  /** What secrets are marked with. */
  readonly key: Uint8Array;
  /** Whether it is this process that removes what has run out. */
  readonly tidies: boolean;
}

type Auth = Configuration['auth'];

/**
 * Opens what the section names. Throws what a start has to end with: PolicyError, PasswordFileError, TokenKeysError, and what the
 * storage throws.
 */
export async function openAccess(
  { auth, http, storage }: Pick<Configuration, 'auth' | 'http' | 'storage'>,
  { driver, locks, log, onLogin, shared }: AccessDependencies,
): Promise<Access> {
  const { scheme } = auth;
  const readOnly = storage.maintenance.readonly.enabled;
  const audit = auditOf(log);
  await using undo = new AsyncDisposableStack();
  const access = await openScheme();
  const closing = undo.move();
  const { tokens, accounts } = access;
  const { prefix } = http;
  return {
    ...access,
    audit,
    ...(tokens && {
      handlers: (settings) =>
        createOfficeHandlers({ tokens, audit, prefix, ...(accounts && { accounts }) }, settings),
    }),
    close: () => closing.disposeAsync(),
  };

  async function openScheme(): Promise<Omit<Access, 'audit' | 'close'>> {
    switch (scheme.name) {
      case 'none': {
        if (auth.policy === undefined) return openToEverybody(log);
        const policy = await rules(openPolicy);
        return { policy, gatekeeper: createGate({ policy, challenge: () => undefined }) };
      }
      case 'silly':
        return { policy: () => openPolicy, gatekeeper: createSillyGate(scheme) };
      case 'token':
        return openTokens(scheme);
      case 'htpasswd':
        return openPasswords(scheme);
      case 'berth':
        return openAccounts(scheme);
    }
  }

  async function openTokens(settings: Extract<Auth['scheme'], { name: 'token' }>) {
    const { realm, autoredirect, autoredirectpath, service } = settings;
    const tokens = await openOutsideTokens(settings, log);
    const gatekeeper = createGate({
      policy: () => tokensAlone,
      permitOfToken: (token) => tokens.permit(token),
      challenge: (facts) =>
        bearerChallenge(
          autoredirect || realm === undefined ? `${facts.origin}${autoredirectpath}` : realm,
          service,
          facts,
        ),
    });
    return { gatekeeper, policy: () => openPolicy };
  }

  async function openPasswords({ path, realm }: Extract<Auth['scheme'], { name: 'htpasswd' }>) {
    const bcrypt = createBcryptPool();
    undo.defer(() => bcrypt.close());
    const file = await openPasswordFile(path, { bcrypt, log });
    const policy = await rules(accountsPolicy);
    const logins = limited(async (name, password) => {
      const caller = await file.verify(name, password);
      return caller && { caller };
    });
    // As in the `registry` image, as long as there are no rules. With rules somebody may come without a password, and docker
    // asks for a token then; it cannot do without one where it is asked for a password.
    if (auth.policy === undefined) {
      const gatekeeper = createGate({ policy, logins, challenge: () => basicChallenge(realm) });
      return { gatekeeper, policy };
    }
    return openOffice({ ...OFFICE, policy, logins, describe: async () => undefined });
  }

  async function openAccounts(settings: Extract<Auth['scheme'], { name: 'berth' }>) {
    const accounts = createAccounts({ driver, locks, readOnly });
    const federation = createFederation(await openIssuers(settings.oidc, log));
    const policy = await rules(accountsPolicy, async () => ({
      ...knownToConfiguration(auth),
      knownGroups: await accounts.groups.names(),
    }));
    const logins = limited(async (name, secret) => {
      const caller = await federation.recognize(secret);
      return caller === undefined ? accounts.verify(name, secret) : { caller };
    });
    const { describe } = accounts;
    const office = await openOffice({ ...settings, policy, logins, describe });
    const firstAdministrator = await accounts.ensureAdministrator();
    return { ...office, accounts, ...(firstAdministrator && { firstAdministrator }) };
  }

  /** Makes tokens for those who log in, and lets them in with a password as well. */
  async function openOffice(settings: OfficeSettings): Promise<Omit<Access, 'audit' | 'close'>> {
    const { policy, logins, describe, algorithm, signingkey, issuer, service: serviceName, realm } = settings;
    const tokenLife = settings.tokenlife / 1000;
    const keys = await (signingkey === undefined
      ? openSigningKeys({ driver, algorithm, tokenLife })
      : readSigningKeys(signingkey));
    const service = createTokenService({
      keys,
      driver,
      permitOf: (caller) => permitFor(caller, policy()),
      describe,
      issuer,
      service: serviceName,
      tokenLife,
      refreshLife: settings.refreshlife / 1000,
      readOnly,
    });
    const named = realm ?? (http.host === undefined ? undefined : `${http.host}${http.prefix}${TOKEN_PATH}`);
    const gatekeeper = createGate({
      policy,
      logins,
      permitOfToken: (token) => service.permit(token),
      challenge: (facts) =>
        bearerChallenge(named ?? `${facts.origin}${http.prefix}${TOKEN_PATH}`, serviceName, facts),
    });
    if (!readOnly && shared?.tidies !== false) sweepNowAndThen(service);
    return { gatekeeper, policy, tokens: { service, keys, logins, serviceName } };
  }

  function sweepNowAndThen(service: TokenService): void {
    const timer = setInterval(() => {
      service.sweep().catch((error: unknown) => log.warn({ err: error }, 'old logins were not removed'));
    }, SWEPT_EVERY_MS);
    timer.unref();
    undo.defer(() => clearInterval(timer));
  }

  function limited(verify: (name: string, secret: string) => Promise<Proof | undefined>): LimitedLogins {
    const { attempts, key } = shared ?? { attempts: openAttempts(auth), key: undefined };
    return createLimitedLogins({ verify, attempts, key, audit, onLogin });
  }

  /** The rules of the section, or of the file that it names. */
  async function rules(
    withoutRules: Policy,
    known: () => Promise<KnownNames> = async () => knownToConfiguration(auth),
  ): Promise<() => Policy> {
    const opened = await openRules(auth, { withoutRules, known, log });
    undo.defer(() => opened.stop());
    return () => opened.current();
  }
}

/** The keys of the outside token server. Throws TokenKeysError. */
export function openOutsideTokens(
  settings: Extract<Auth['scheme'], { name: 'token' }>,
  log: Logger,
): Promise<OutsideTokens> {
  const { service, issuer, rootcertbundle, jwks, signingalgorithms } = settings;
  return createOutsideTokens(
    {
      issuer,
      service,
      ...(rootcertbundle && { rootcertbundle }),
      ...(jwks && { jwks }),
      ...(signingalgorithms.length > 0 && { signingalgorithms }),
    },
    { log },
  );
}

/** Asks none of them yet. Throws IssuerSettingsError. */
export function openIssuers(
  issuers: Extract<Auth['scheme'], { name: 'berth' }>['oidc'],
  log: Logger,
): Promise<readonly Issuer[]> {
  return Promise.all(
    issuers.map((issuer) =>
      createIssuer(
        {
          name: issuer.name,
          issuer: issuer.issuer,
          audiences: issuer.audience,
          allowPrivateAddresses: issuer.allowprivate,
          jwks: issuer.jwks,
          ca: issuer.ca,
          usernameClaim: issuer.usernameclaim,
          groupsClaim: issuer.groupsclaim,
        },
        { log },
      ),
    ),
  );
}

type OfficeSettings = Omit<Extract<Auth['scheme'], { name: 'berth' }>, 'name' | 'oidc'> & {
  readonly policy: () => Policy;
  readonly logins: LimitedLogins;
  readonly describe: Accounts['describe'];
};

const TOKEN_PATH = '/auth/token';
const SWEPT_EVERY_MS = 6 * 3_600_000;
