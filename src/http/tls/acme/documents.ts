// The two documents that a client of an authority signs itself: the request for a certificate (RFC 2986), and the
// certificate that answers a challenge over TLS (RFC 8737).
import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import {
  bits,
  type Der,
  explicit,
  implicit,
  integer,
  objectId,
  octets,
  sequence,
  set,
  TRUE,
  time,
  utf8,
} from './der.ts';

const ECDSA_WITH_SHA256 = sequence(objectId('1.2.840.10045.4.3.2'));
const COMMON_NAME = objectId('2.5.4.3');
const ALTERNATIVE_NAMES = objectId('2.5.29.17');
const EXTENSION_REQUEST = objectId('1.2.840.113549.1.9.14');
const ACME_IDENTIFIER = objectId('1.3.6.1.5.5.7.1.31');
const DAY_MS = 24 * 60 * 60 * 1000;

/** A request for a certificate for one host name, DER. The key is on the curve P-256. */
export function certificateRequest(host: string, key: KeyObject): Buffer {
  const extensions = sequence(alternativeName(host));
  const attributes = explicit(0, sequence(EXTENSION_REQUEST, set(extensions)));
  return signed(sequence(integer(Buffer.from([0])), sequence(), publicPart(key), attributes), key);
}

/** The certificate, PEM, that proves to an authority that this server answers for the host. */
export function challengeCertificate(
  host: string,
  keyAuthorization: string,
  key: KeyObject,
  now: Date,
): string {
  const proof = createHash('sha256').update(keyAuthorization).digest();
  const name = sequence(set(sequence(COMMON_NAME, utf8('ACME challenge'))));
  const validity = sequence(time(new Date(now.getTime() - DAY_MS)), time(new Date(now.getTime() + DAY_MS)));
  const extensions = sequence(alternativeName(host), sequence(ACME_IDENTIFIER, TRUE, octets(octets(proof))));
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(randomBytes(16)),
    ECDSA_WITH_SHA256,
    name,
    validity,
    name,
    publicPart(key),
    explicit(3, extensions),
  );
  const base64 = signed(body, key)
    .toString('base64')
    .replace(/.{1,64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${base64}-----END CERTIFICATE-----\n`;
}

function alternativeName(host: string): Der {
  return sequence(ALTERNATIVE_NAMES, octets(sequence(implicit(2, Buffer.from(host, 'ascii')))));
}

function publicPart(key: KeyObject): Der {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

function signed(body: Der, key: KeyObject): Der {
  return sequence(body, ECDSA_WITH_SHA256, bits(sign('sha256', body, key)));
}
