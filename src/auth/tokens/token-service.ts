// The token service inside the registry (Docker token specification): makes access tokens and refresh tokens, and knows them
// again. An access token is a JWT of ours; a refresh token is opaque, so that neither is ever taken for the other.
import { createHash, randomUUID } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import { LRUCache } from 'lru-cache';
import type { StorageDriver } from '../../../storage-drivers/driver.ts';
import { atMost } from '../../registry/at-most.ts';
import { RegistryError } from '../../registry/errors.ts';
import { isRepositoryName, type RepositoryName } from '../../registry/name.ts';
import { ACTIONS, type Action, type Caller } from '../caller.ts';
import type { Permit } from '../permit.ts';
import { type Grant, ownActions, parseAccess, permitOfAccess } from './access.ts';
import { createRefreshTokens } from './refresh-tokens.ts';
import { formatScopes, type Scope, type ScopeAction } from './scope.ts';
import type { SigningKeys } from './signing-keys.ts';
import { CALLER_CLAIM, callerOfClaim, callerToClaim } from './token-caller.ts';
import { MAX_TOKEN_LENGTH, type TokenFault, verifyToken } from './verify-token.ts';

export interface TokenServiceDependencies {
  readonly keys: SigningKeys;
  /** One that checks its keys. */
  readonly driver: StorageDriver;
  /** What the caller may do now (policy/permit.ts). */
  readonly permitOf: (caller: Caller) => Permit;
  /** The account as it is now (accounts/logins.ts); `undefined` if it may not come in any more. */
  readonly describe: (kind: 'account' | 'robot', name: string) => Promise<Proof | undefined>;
  readonly issuer: string;
  readonly service: string;
  /** In seconds; at least 60, which clients take for granted. */
  readonly tokenLife: number;
  /** In seconds. */
  readonly refreshLife: number;
  /**
   * Nothing is written to the store: there are no new refresh tokens, and those that ended stay where they are.
   * @default false
   */
  readonly readOnly?: boolean;
  readonly now?: () => Date;
}

/** A caller that was proved, and what changes when the proof is not good any more. */
export interface Proof {
  readonly caller: Caller;
  /** Of an account or a robot. Without it there is no refresh token. */
  readonly secretVersion?: string;
}

export interface TokenAnswer {
  readonly token: string;
  /** The same, under its OAuth name. */
  readonly access_token: string;
  /** In seconds. */
  readonly expires_in: number;
  readonly issued_at: string;
  /** What was granted, which may be less than what was asked for. */
  readonly scope: string;
  readonly refresh_token?: string;
}

export interface IssueOptions {
  /** Whether a refresh token is asked for. */
  readonly offline?: boolean;
  readonly clientId?: string;
}

export interface TokenService {
  /** Grants what is asked for as far as it is allowed. Throws `parameterInvalid` if that is too much for one token. */
  issue(proof: Proof, scopes: readonly Scope[], options?: IssueOptions): Promise<TokenAnswer>;
  /** What an access token allows; `undefined` if it is none of ours, or not valid now. */
  permit(token: string, onRefusal?: (fault: TokenFault) => void): Promise<Permit | undefined>;
  /** Who a refresh token stands for, as the account is now; `undefined` if the token is not good, or not any more. */
  refresh(token: string, service?: string): Promise<Proof | undefined>;
  /** Ends a refresh token. Resolves also for one that is not known. */
  revoke(token: string): Promise<void>;
  /** Removes refresh tokens that have run out, and resolves to how many they were. */
  sweep(): Promise<number>;
}

interface Remembered {
  readonly permit: Permit;
  readonly kid: string;
  /** In milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
}

const MOST_REMEMBERED = 10_000;
/** What a word of a scope asks for. Clients ask to push and mean what a push does: tags are moved with the same scope. */
const ASKED: ReadonlyMap<ScopeAction, readonly Action[]> = new Map<ScopeAction, readonly Action[]>([
  ['push', ['push', 'overwrite', 'admin']],
  ['delete', ['delete', 'admin']],
  ['*', ACTIONS],
]);

export function createTokenService(dependencies: TokenServiceDependencies): TokenService {
  const { keys, driver, permitOf, describe, issuer, service, refreshLife } = dependencies;
  // Clients read expires_in as a whole number.
  const tokenLife = Math.floor(dependencies.tokenLife);
  const { readOnly = false, now = () => new Date() } = dependencies;
  const refreshTokens = createRefreshTokens(driver, refreshLife, now, !readOnly);
  const remembered = new LRUCache<string, Remembered>(atMost(MOST_REMEMBERED));

  async function recall(mark: string): Promise<Permit | undefined> {
    const known = remembered.get(mark);
    const time = now().getTime();
    if (known === undefined || time < known.from || time >= known.until) return undefined;
    return (await keys.find(known.kid)) && known.permit;
  }

  /** Rules on claims of a federated caller cannot be asked again without the claims: such a token shows what it names. */
  function shows(caller: Caller): (repository: RepositoryName) => boolean {
    if (caller.kind === 'federated' || caller.kind === 'certificate') return () => false;
    const current = permitOf(caller);
    return (repository) => current.may('pull', repository);
  }

  return {
    async issue(proof, scopes, { offline = false, clientId = '' } = {}) {
      const { caller } = proof;
      const grants = grantsOf(permitOf(caller), scopes);
      const issuedAt = Math.floor(now().getTime() / 1000);
      const { kid, algorithm, privateKey } = await keys.signer();
      const claims = {
        iss: issuer,
        sub: caller.name,
        aud: service,
        iat: issuedAt,
        nbf: issuedAt,
        exp: issuedAt + tokenLife,
        jti: randomUUID(),
        access: grants,
        [CALLER_CLAIM]: callerToClaim(caller),
      };
      const token = jsonwebtoken.sign(claims, privateKey, { algorithm, keyid: kid });
      if (token.length > MAX_TOKEN_LENGTH) {
        throw new RegistryError('parameterInvalid', { detail: 'too many scopes for one token' });
      }
      const refreshToken = offline && !readOnly ? await makeRefreshToken(proof, clientId) : undefined;
      return {
        token,
        access_token: token,
        expires_in: tokenLife,
        issued_at: new Date(issuedAt * 1000).toISOString(),
        scope: formatScopes(grants),
        ...(refreshToken !== undefined && { refresh_token: refreshToken }),
      };
    },
    async permit(token, onRefusal) {
      // Before it is hashed: nothing that long was ever remembered.
      if (token.length > MAX_TOKEN_LENGTH) {
        onRefusal?.('tooLong');
        return undefined;
      }
      const mark = createHash('sha256').update(token).digest('base64');
      const known = await recall(mark);
      if (known !== undefined) return known;
      const verified = await verifyToken(
        token,
        ({ kid }) => (kid === undefined ? undefined : keys.find(kid)),
        {
          issuer,
          audiences: [service],
          now,
          ...(onRefusal && { onRefusal }),
        },
      );
      if (verified === undefined) return undefined;
      const { claims, header, refusedFrom } = verified;
      const caller = callerOfClaim(claims[CALLER_CLAIM]);
      const access = parseAccess(claims['access'], ownActions);
      if (caller === undefined || access === undefined || header.kid === undefined) {
        onRefusal?.('malformed');
        return undefined;
      }
      const permit = permitOfAccess(caller, access, (repository) => shows(caller)(repository));
      const until = refusedFrom.getTime();
      remembered.set(mark, { permit, kid: header.kid, from: now().getTime(), until });
      return permit;
    },
    async refresh(token, wanted = service) {
      const record = await refreshTokens.find(token);
      if (record === undefined || record.service !== wanted || wanted !== service) return undefined;
      const proof = await describe(record.kind, record.name);
      if (proof?.secretVersion === record.secretVersion) return proof;
      if (!readOnly) await refreshTokens.remove(token);
      return undefined;
    },
    revoke: refreshTokens.remove,
    sweep: refreshTokens.sweep,
  };

  async function makeRefreshToken(
    { caller, secretVersion }: Proof,
    clientId: string,
  ): Promise<string | undefined> {
    const { kind, name } = caller;
    if (secretVersion === undefined || (kind !== 'account' && kind !== 'robot')) return undefined;
    return await refreshTokens.make({ kind, name, service, clientId, secretVersion });
  }
}

/** What is asked for and allowed; a resource of which nothing is allowed is left out. */
function grantsOf(permit: Permit, scopes: readonly Scope[]): readonly (Grant & Scope)[] {
  const grants = scopes.map((scope) => ({ ...scope, actions: allowedOf(permit, scope) }));
  return grants.filter(({ actions }) => actions.length > 0);
}

function allowedOf(permit: Permit, { type, name, actions }: Scope): readonly ScopeAction[] {
  if (type === 'registry') {
    const isListing = name === 'catalog' && actions.some((word) => word === '*' || word === 'search');
    return isListing && permit.mayList ? actions : [];
  }
  if (!isRepositoryName(name)) return [];
  const asked = new Set(actions.flatMap((word) => ASKED.get(word) ?? ownActions(word)));
  return ACTIONS.filter((action) => asked.has(action) && permit.may(action, name));
}
