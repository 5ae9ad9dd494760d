// Names of public keys that everybody who has the key can work out.
import { createECDH, createHash, type KeyObject } from 'node:crypto';

interface KeyMembers {
  readonly kty?: string | undefined;
  readonly crv?: string | undefined;
  readonly e?: string | undefined;
  readonly n?: string | undefined;
  readonly x?: string | undefined;
  readonly y?: string | undefined;
}

/** The thumbprint of RFC 7638, over SHA-256. `undefined` for a type of key that has none. */
export function thumbprint(key: KeyObject): string | undefined {
  return key.type === 'public' ? thumbprintOf(key.export({ format: 'jwk' })) : undefined;
}

/** The fingerprint of libtrust, which tokens for version 2 of the `registry` image carry: `ABCD:EFGH:...` in twelve groups. */
export function libtrustFingerprint(key: KeyObject): string {
  const hash = createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest();
  return base32(hash.subarray(0, 30)).match(/.{4}/g)?.join(':') ?? '';
}

/**
 * The id that version 3.0 of the `registry` image, and token servers that took its code over, give to every key on a curve: the
 * thumbprint of the curve's base point instead of the key's own. `undefined` for other keys.
 */
export function curveThumbprint(key: KeyObject): string | undefined {
  const { crv } = key.type === 'public' ? key.export({ format: 'jwk' }) : {};
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType !== 'ec' || crv === undefined || curve === undefined) return undefined;
  const ecdh = createECDH(curve);
  // The public key of the private key 1 is the base point.
  ecdh.setPrivateKey(Buffer.from([1]));
  const point = ecdh.getPublicKey().subarray(1);
  const half = point.length / 2;
  return thumbprintOf({
    kty: 'EC',
    crv,
    x: withoutZeros(point.subarray(0, half)),
    y: withoutZeros(point.subarray(half)),
  });
}

/** The members that count, in the order of their names (RFC 7638, 3.2). */
function thumbprintOf({ kty, crv, e, n, x, y }: KeyMembers): string | undefined {
  const members =
    kty === 'RSA'
      ? { e, kty, n }
      : kty === 'EC'
        ? { crv, kty, x, y }
        : kty === 'OKP'
          ? { crv, kty, x }
          : undefined;
  return members && createHash('sha256').update(JSON.stringify(members)).digest('base64url');
}

/** A number's bytes as Go writes them. */
function withoutZeros(bytes: Buffer): string {
  const start = bytes.findIndex((byte) => byte !== 0);
  return bytes.subarray(start).toString('base64url');
}

function base32(bytes: Uint8Array): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return (bits.match(/.{5}/g) ?? []).map((five) => letters.charAt(Number.parseInt(five, 2))).join('');
}
