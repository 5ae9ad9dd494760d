// Which signatures a key can make. The key says it, never the token: so a public key is never taken for a shared secret.
import { createPublicKey, type KeyObject, verify as verifySignature } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';

export const ASYMMETRIC_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;
export const SYMMETRIC_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const;
export const ALGORITHMS = [...ASYMMETRIC_ALGORITHMS, ...SYMMETRIC_ALGORITHMS] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

export interface VerificationKey {
  /** A public key or a shared secret. */
  readonly key: KeyObject;
  /** What may be verified with it; never empty. */
  readonly algorithms: readonly Algorithm[];
}

const MIN_RSA_BITS = 2048;
/** RFC 7518, 3.2: a shared secret is at least as long as the hash. */
const SECRET_BYTES = { HS256: 32, HS384: 48, HS512: 64 } as const;
const CURVES: ReadonlyMap<string | undefined, Algorithm> = new Map([
  ['prime256v1', 'ES256'],
  ['secp384r1', 'ES384'],
  ['secp521r1', 'ES512'],
]);

export function isAlgorithm(text: unknown): text is Algorithm {
  return ALGORITHMS.some((algorithm) => algorithm === text);
}

/**
 * A key with the algorithms that its type allows, or only the given ones of these. Of a private key the public half is taken.
 * `undefined` for a key that nothing may be verified with: an RSA key below 2048 bits, a secret shorter than its hash, other curves.
 */
export function verificationKey(
  key: KeyObject,
  only: readonly Algorithm[] = ALGORITHMS,
): VerificationKey | undefined {
  const algorithms = algorithmsOf(key).filter((algorithm) => only.includes(algorithm));
  if (algorithms.length === 0) return undefined;
  return { key: key.type === 'private' ? createPublicKey(key) : key, algorithms };
}

/** Whether the last of a token's three parts is a signature of the first two. The algorithm has to be one of the key's. */
export function isSignedBy(
  token: string,
  algorithm: Algorithm,
  { key, algorithms }: VerificationKey,
): boolean {
  if (!algorithms.includes(algorithm)) return false;
  if (algorithm === 'EdDSA') return isSignedByEd25519(token, key);
  try {
    jsonwebtoken.verify(token, key, {
      algorithms: [algorithm],
      ignoreExpiration: true,
      ignoreNotBefore: true,
    });
    return true;
  } catch {
    // It throws for a signature that is wrong, and other errors yet for one that is no signature at all.
    return false;
  }
}

function isSignedByEd25519(token: string, key: KeyObject): boolean {
  const end = token.lastIndexOf('.');
  const signature = Buffer.from(token.slice(end + 1), 'base64url');
  return verifySignature(null, Buffer.from(token.slice(0, end), 'ascii'), key, signature);
}

function algorithmsOf(key: KeyObject): readonly Algorithm[] {
  if (key.type === 'secret') {
    const size = key.symmetricKeySize ?? 0;
    return SYMMETRIC_ALGORITHMS.filter((algorithm) => size >= SECRET_BYTES[algorithm]);
  }
  const { modulusLength = 0, namedCurve, hashAlgorithm } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') return modulusLength < MIN_RSA_BITS ? [] : rsaAlgorithms(/^[RP]S/);
  if (key.asymmetricKeyType === 'rsa-pss') {
    const bits = hashAlgorithm?.replace(/^sha/, '') ?? '(?:256|384|512)';
    return modulusLength < MIN_RSA_BITS ? [] : rsaAlgorithms(new RegExp(`^PS${bits}$`));
  }
  if (key.asymmetricKeyType === 'ed25519') return ['EdDSA'];
  const algorithm = key.asymmetricKeyType === 'ec' ? CURVES.get(namedCurve) : undefined;
  return algorithm === undefined ? [] : [algorithm];
}

function rsaAlgorithms(form: RegExp): readonly Algorithm[] {
  return ASYMMETRIC_ALGORITHMS.filter((algorithm) => form.test(algorithm));
}
