// Registries with accounts: who logs in there, and with what.
import assert from 'node:assert/strict';
import jsonwebtoken from 'jsonwebtoken';
import type { Accounts } from '../../src/auth/accounts/accounts.ts';
import type { TokenOffice } from '../../src/compose-access.ts';
import { jsonOf } from './answers.ts';
import { openRegistry, type TestRegistry, type TestRegistryOptions } from './app.ts';
import type { Cleaner } from './processes.ts';

export const PASSWORD = 'correct horse battery';
export const SERVICE = 'berth';

export interface RegistryWithAccounts extends TestRegistry {
  readonly accounts: Accounts;
  readonly tokens: TokenOffice;
}

export interface AccountsOptions {
  /** Settings of `auth.policy`. Without them: whoever has an account may do everything. */
  readonly policy?: object;
  /** Settings of `auth.berth`. */
  readonly berth?: object;
  /** Other sections, and what stands beside `berth` in `auth`. */
  readonly settings?: { readonly [section: string]: object };
  readonly users?: readonly string[];
  readonly driver?: NonNullable<TestRegistryOptions['driver']>;
}

/** The URL under which the registry is known; in no test is it the one that is asked. */
export const PUBLIC_URL = 'https://registry.example';

/** A registry that keeps accounts, with users that all have `PASSWORD`. */
export async function openWithAccounts(
  cleaner: Cleaner,
  options: AccountsOptions = {},
): Promise<RegistryWithAccounts> {
  const { policy, berth = {}, settings = {}, users = [], driver } = options;
  const { auth, ...others } = settings;
  const registry = await openRegistry(cleaner, {
    ...(driver && { driver }),
    settings: {
      http: { host: PUBLIC_URL },
      ...others,
      auth: { berth, ...(policy && { policy }), ...auth },
    },
  });
  const { accounts, tokens } = registry.access;
  assert.ok(accounts !== undefined && tokens !== undefined);
  for (const name of users) await accounts.users.add({ name, password: PASSWORD });
  return { ...registry, accounts, tokens };
}

/** The header of somebody with a password. */
export function basic(name: string, secret: string = PASSWORD): string {
  return `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;
}

/** The header of somebody with a token for the scopes; of nobody, if no name is given. */
export async function tokenFor(
  { http }: Pick<TestRegistry, 'http'>,
  authorization: string | undefined,
  ...scopes: readonly string[]
): Promise<string> {
  const query = new URLSearchParams([['service', SERVICE], ...scopes.map((scope) => ['scope', scope])]);
  const request = http.get(`/auth/token?${query}`);
  const answer = await (authorization === undefined ? request : request.set('Authorization', authorization));
  assert.equal(answer.status, 200, String(answer.body));
  return `Bearer ${jsonOf(answer)['token']}`;
}

/** Posts a form to the token service. */
export function postForm({ http }: Pick<TestRegistry, 'http'>, fields: Readonly<Record<string, string>>) {
  return http
    .post('/auth/token')
    .set('Content-Type', 'application/x-www-form-urlencoded')
    .send(String(new URLSearchParams(fields)));
}

/** Claims that this registry would have put in a token for `team/app` that was asked for just now. */
export function ownClaims(name: string, changes: Readonly<Record<string, unknown>> = {}) {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: SERVICE,
    sub: name,
    aud: SERVICE,
    iat: now,
    nbf: now,
    exp: now + 300,
    access: [{ type: 'repository', name: 'team/app', actions: ['pull', 'push', 'overwrite', 'delete'] }],
    berth: { kind: 'account', name, groups: [] },
    ...changes,
  };
}

/** A token with any claims, signed with the registry's own key; without the name of the scheme. */
export async function signedByRegistry({ tokens }: RegistryWithAccounts, claims: object): Promise<string> {
  const { kid, algorithm, privateKey } = await tokens.keys.signer();
  return jsonwebtoken.sign(claims, privateKey, { algorithm, keyid: kid, noTimestamp: true });
}
