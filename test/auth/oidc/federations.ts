// Issuers on loopback, and a federation that trusts them.
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { createFederation, type Federation } from '../../../src/auth/oidc/federation.ts';
import { createIssuer } from '../../../src/auth/oidc/issuer.ts';
import type { IssuerSettings } from '../../../src/auth/oidc/issuer-settings.ts';
import { type OidcIssuer, startOidcIssuer } from '../../support/oidc-issuer.ts';

export const AUDIENCE = 'registry.example.com';
export const CLAIMS = { sub: 'job', aud: AUDIENCE };

export async function startFederation(
  t: TestContext,
  change: Partial<IssuerSettings> = {},
  now?: () => Date,
) {
  const issuer = await startOidcIssuer(t);
  return { issuer, federation: await federate([settingsOf(issuer, change)], now) };
}

export async function federate(settings: readonly IssuerSettings[], now?: () => Date): Promise<Federation> {
  const log = pino({ level: 'silent' });
  const deps = now === undefined ? { log } : { log, now };
  return createFederation(await Promise.all(settings.map((each) => createIssuer(each, deps))));
}

export function settingsOf({ issuer }: OidcIssuer, change: Partial<IssuerSettings> = {}): IssuerSettings {
  return { name: 'ci', issuer, audiences: [AUDIENCE], allowPrivateAddresses: true, ...change };
}

/** The same token with another signature of the same length. */
export function tamper(token: string): string {
  const at = token.lastIndexOf('.') + 1;
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
}
