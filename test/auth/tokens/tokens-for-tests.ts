// Tokens of every kind, also of kinds that no library would make.
import {
  createHmac,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign as signBytes,
} from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import { type VerificationKey, verificationKey } from '../../../src/auth/tokens/algorithms.ts';

export const NOW = new Date('2026-06-01T12:00:00Z');
export const now = () => NOW;
export const seconds = NOW.getTime() / 1000;

export interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export const makeRsa = (): Pair => generateKeyPairSync('rsa', { modulusLength: 2048 });
export const makeEc = (namedCurve = 'prime256v1'): Pair => generateKeyPairSync('ec', { namedCurve });
export const makeEd = (): Pair => generateKeyPairSync('ed25519');
export const makeSecret = (bytes = 64): KeyObject => createSecretKey(randomBytes(bytes));

export function usable(key: KeyObject): VerificationKey {
  const found = verificationKey(key);
  if (found === undefined) throw new TypeError('not a key that verifies');
  return found;
}

/** Claims that are right, with changes; `undefined` takes one out. */
export function claims(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    iss: 'https://issuer.test',
    sub: 'alice',
    aud: 'registry.test',
    exp: seconds + 300,
    nbf: seconds,
    iat: seconds,
    access: [],
    ...changes,
  };
}

export function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** A genuine signature over whatever the parts are. */
export function signParts(header: unknown, body: unknown, key: KeyObject, hash = 'sha256'): string {
  const input = `${encode(header)}.${encode(body)}`;
  const bytes = Buffer.from(input);
  const signature =
    key.type === 'secret'
      ? createHmac(hash, key).update(bytes).digest()
      : signBytes(key.asymmetricKeyType === 'ed25519' ? null : hash, bytes, {
          key,
          dsaEncoding: 'ieee-p1363',
        });
  return `${input}.${signature.toString('base64url')}`;
}

export function signed(
  key: KeyObject,
  changes: Record<string, unknown> = {},
  options: jsonwebtoken.SignOptions = { algorithm: 'ES256', keyid: 'k1' },
): string {
  return jsonwebtoken.sign(claims(changes), key, { noTimestamp: true, ...options });
}
