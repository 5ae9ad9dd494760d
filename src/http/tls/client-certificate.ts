// Who a client is by its certificate. Node verified the chain in the handshake; that is asked for here, not done again.
import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Caller, Claim } from '../../auth/caller.ts';

/** The parts of a TLSSocket that are asked; over HTTP/2 a stand-in has them. */
interface VerifiedSocket {
  readonly authorized: boolean;
  getPeerX509Certificate(): X509Certificate | undefined;
}

/** Longer names are nobody's. */
const LONGEST_NAME = 255;

/**
 * The caller that a verified certificate names: by its common name, else its first mail address, URI or host name. Its
 * organisations and units are the groups. `undefined` without TLS, without a certificate, with one that no authority of
 * `http.tls.clientcas` vouches for or that has expired since the handshake, and with one that names nobody.
 *
 * A resumed session without a certificate counts as authorized to OpenSSL, so the certificate itself has to be there.
 */
export function certificateCaller(request: IncomingMessage, now: Date = new Date()): Caller | undefined {
  const socket: unknown = request.socket;
  if (!isVerified(socket)) return undefined;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  if (now < certificate.validFromDate || now > certificate.validToDate) return undefined;
  const subject = readSubject(certificate.subject ?? '');
  const alternatives = readAlternativeNames(certificate.subjectAltName ?? '');
  const name = (subject.get('CN') ?? [])[0] ?? firstOf(alternatives, ['email', 'URI', 'DNS']);
  if (name === undefined || !isName(name)) return undefined;
  const groups = [...(subject.get('O') ?? []), ...(subject.get('OU') ?? [])].filter(isName);
  return {
    kind: 'certificate',
    name,
    groups: [...new Set(groups)],
    claims: claimsOf(certificate, alternatives),
  };
}

function isVerified(socket: unknown): socket is VerifiedSocket {
  if (typeof socket !== 'object' || socket === null) return false;
  const { authorized, getPeerX509Certificate } = socket as Partial<VerifiedSocket>;
  return authorized === true && typeof getPeerX509Certificate === 'function';
}

type AlternativeName = readonly [kind: string, value: string];

function claimsOf(
  certificate: X509Certificate,
  alternatives: readonly AlternativeName[],
): { readonly [name: string]: Claim } {
  return {
    subject: certificate.subject ?? '',
    issuer: certificate.issuer ?? '',
    serial: certificate.serialNumber,
    fingerprint256: certificate.fingerprint256,
    sans: alternatives.map(([kind, value]) => `${kind}:${value}`),
  };
}

/** `CN=alice\nO=acme\nO=ops`, with backslashes before what is special in a value (RFC 2253). */
function readSubject(subject: string): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const line of subject.split('\n')) {
    const [, type, value] = /^([^=]+)=(.*)$/.exec(line) ?? [];
    if (type === undefined || value === undefined) continue;
    values.set(type, [...(values.get(type) ?? []), withoutBackslashes(value)]);
  }
  return values;
}

/** What is left with a backslash is a name that nobody can have meant: `isName` refuses it. */
function withoutBackslashes(value: string): string {
  return value.replace(/\\([,+"<>;=# ])/g, '$1');
}

/** `DNS:a.example, URI:spiffe://a/b, email:"a, DNS:b"`: a value with something special in it is JSON. */
function readAlternativeNames(text: string): AlternativeName[] {
  const names: AlternativeName[] = [];
  const pattern = /(?:^|, )([A-Za-z0-9 ]+):(?:("(?:[^"\\]|\\.)*")|([^",]*))(?=, |$)/y;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [, kind = '', quoted, plain = ''] = match;
    // The quotes are Node's sign that somebody may try to pass one name off as several.
    if (quoted === undefined) names.push([kind, plain]);
  }
  return names;
}

function firstOf(names: readonly AlternativeName[], kinds: readonly string[]): string | undefined {
  const found = kinds.map((kind) => names.find(([own]) => own === kind)?.[1]);
  return found.find((value) => value !== undefined);
}

function isName(name: string): boolean {
  return name.length > 0 && name.length <= LONGEST_NAME && /^[^\p{C}\\]+$/u.test(name);
}
