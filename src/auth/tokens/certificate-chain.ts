// Whether a chain of certificates in a token leads to one that is trusted (RFC 7515, 4.1.6; RFC 5280, 6).
import { type KeyObject, X509Certificate } from 'node:crypto';

/** The leaf, three authorities between, and the root: longer chains cost signatures and are nobody's. */
const MAX_LENGTH = 5;

/**
 * The key of the chain's first certificate, if every certificate is valid now, was issued by the next one, and the last one is
 * a root or was issued by one.
 * @param chain base64 of DER
 */
export function keyOfChain(
  chain: readonly string[],
  roots: readonly X509Certificate[],
  now: Date,
): KeyObject | undefined {
  if (chain.length > MAX_LENGTH) return undefined;
  const certificates = chain.map(readCertificate);
  const [leaf] = certificates;
  if (leaf === undefined) return undefined;
  for (const [depth, certificate] of certificates.entries()) {
    if (certificate === undefined || !isValidAt(certificate, now)) return undefined;
    if (roots.some((root) => root.raw.equals(certificate.raw))) return leaf.publicKey;
    if (roots.some((root) => isValidAt(root, now) && isIssuer(root, certificate, depth)))
      return leaf.publicKey;
    const next = certificates[depth + 1];
    if (next === undefined || !isIssuer(next, certificate, depth)) return undefined;
  }
  return undefined;
}

export function isValidAt(certificate: X509Certificate, now: Date): boolean {
  return now >= certificate.validFromDate && now <= certificate.validToDate;
}

/** @param depth how many authorities there are between the issuer and the leaf */
function isIssuer(issuer: X509Certificate, issued: X509Certificate, depth: number): boolean {
  return (
    issuer.ca && depth <= pathLength(issuer) && issued.checkIssued(issuer) && issued.verify(issuer.publicKey)
  );
}

/**
 * How many authorities may be below this one (RFC 5280, 4.2.1.9), which Node does not tell: found by its encoding. Where
 * that is there more than once, such as within a name, the smallest counts.
 */
function pathLength({ raw }: X509Certificate): number {
  const constraint = /0603551d13(?:0101ff)?04..30..0101ff0201([0-7][0-9a-f])/g;
  const lengths = Array.from(raw.toString('hex').matchAll(constraint), ([, length = '00']) => length);
  return Math.min(...lengths.map((length) => Number.parseInt(length, 16)), MAX_LENGTH);
}

function readCertificate(text: string): X509Certificate | undefined {
  const der = Buffer.from(text, 'base64');
  if (der.toString('base64') !== text) return undefined;
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}
