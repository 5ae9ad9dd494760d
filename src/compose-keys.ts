// With what a configuration signs tokens, and the keys that it keeps in the storage for that.
import type { Configuration } from '../config/schema.ts';
import type { StorageDriver } from '../storage-drivers/driver.ts';
import { openSigningKeys, type StoredSigningKeys } from './auth/tokens/signing-keys.ts';

/** There are no keys in the storage that could be managed. */
export class NoKeptKeysError extends Error {
  override readonly name = 'NoKeptKeysError';
}

/** How tokens are made for accounts of a password file, which has no settings for that. */
export const OFFICE = {
  service: 'berth',
  issuer: 'berth',
  tokenlife: 300_000,
  refreshlife: 0,
  algorithm: 'ES256',
} as const;

/**
 * Makes the first key in a store that has none, where the configuration has tokens signed with keys from there: of several
 * processes that begin at once each would make one. Throws SigningKeyError, and what the storage throws.
 */
export async function ensureSigningKey(
  { scheme, policy }: Configuration['auth'],
  driver: StorageDriver,
): Promise<void> {
  const settings = scheme.name === 'htpasswd' && policy !== undefined ? OFFICE : scheme;
  if (!('tokenlife' in settings) || ('signingkey' in settings && settings.signingkey !== undefined)) return;
  const { algorithm, tokenlife } = settings;
  await openSigningKeys({ driver, algorithm, tokenLife: tokenlife / 1000 });
}

/** The keys of the configuration, for commands; without making one. Throws NoKeptKeysError, SigningKeyError, and what the storage throws. */
export function openKeptKeys(
  { scheme, policy }: Configuration['auth'],
  driver: StorageDriver,
): Promise<StoredSigningKeys> {
  if (scheme.name === 'berth') {
    const { algorithm, tokenlife, signingkey } = scheme;
    if (signingkey !== undefined) {
      throw new NoKeptKeysError('the keys are those of the file that auth.berth.signingkey names: change it');
    }
    return open(algorithm, tokenlife);
  }
  if (scheme.name === 'htpasswd' && policy !== undefined) return open(OFFICE.algorithm, OFFICE.tokenlife);
  throw new NoKeptKeysError('no tokens are signed with this configuration: that takes auth.berth');

  function open(algorithm: 'ES256' | 'RS256', tokenlife: number) {
    return openSigningKeys({ driver, algorithm, tokenLife: tokenlife / 1000, makesFirst: false });
  }
}
