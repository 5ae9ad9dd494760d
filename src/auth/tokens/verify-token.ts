// Whether a JWT is what it says (RFC 7519, with the advice of RFC 8725). What the signature is checked with comes from the
// caller alone; nothing in the token is a source of trust, and no address in it is ever asked.
import { type Algorithm, ASYMMETRIC_ALGORITHMS, isSignedBy, type VerificationKey } from './algorithms.ts';
import { decodeToken, type JsonObject, type TokenHeader } from './decoded-token.ts';

/** The key that a token's header points to, if it is a trusted one. May look elsewhere for one that is not known yet. */
export type FindKey = (
  header: TokenHeader,
) => VerificationKey | undefined | Promise<VerificationKey | undefined>;

export interface TokenRules {
  /** The `iss` claim, exactly. */
  readonly issuer: string;
  /** One of these has to be in the `aud` claim. */
  readonly audiences: readonly string[];
  /** @default every algorithm with a public key. Shared secrets have to be asked for. */
  readonly algorithms?: readonly Algorithm[];
  /** In characters. @default 8192 */
  readonly maxLength?: number;
  readonly now: () => Date;
  /** Told why a token is refused: a word for a log, never anything of the token. */
  readonly onRefusal?: (fault: TokenFault) => void;
}

export type TokenFault =
  | 'tooLong'
  | 'malformed'
  | 'algorithm'
  | 'unknownKey'
  | 'signature'
  | 'issuer'
  | 'audience'
  | 'expired'
  | 'notYetValid';

export interface VerifiedToken {
  readonly header: TokenHeader;
  /** All of them. `iss`, `aud`, `exp`, `nbf` and `iat` have been checked; the rest is what the issuer says. */
  readonly claims: JsonObject;
  /** `exp` with the leeway: from then on the token is refused. */
  readonly refusedFrom: Date;
}

export const MAX_TOKEN_LENGTH = 8192;
/** How far clocks may be apart: the figure of the `registry` image. */
export const LEEWAY_SECONDS = 60;
/** The end of the year 9999. What lies beyond it is a mistake, or meant to overflow. */
const MAX_TIME = 253_402_300_799;

/** The token's claims if it is genuine, meant for us and valid now, else `undefined`. Throws only what `findKey` throws. */
export async function verifyToken(
  token: string,
  findKey: FindKey,
  rules: TokenRules,
): Promise<VerifiedToken | undefined> {
  const verdict = await judge(token, findKey, rules);
  if (typeof verdict !== 'string') return verdict;
  rules.onRefusal?.(verdict);
  return undefined;
}

async function judge(
  token: string,
  findKey: FindKey,
  rules: TokenRules,
): Promise<VerifiedToken | TokenFault> {
  if (token.length > (rules.maxLength ?? MAX_TOKEN_LENGTH)) return 'tooLong';
  const decoded = decodeToken(token);
  if (decoded === undefined) return 'malformed';
  const { header, claims } = decoded;
  if (!(rules.algorithms ?? ASYMMETRIC_ALGORITHMS).includes(header.alg)) return 'algorithm';
  // Before the key is looked for: that may cost a request, and a wrong issuer's token is not worth one.
  const fault = faultOfClaims(claims, rules);
  if (fault !== undefined) return fault;
  const key = await findKey(header);
  if (key === undefined) return 'unknownKey';
  if (!key.algorithms.includes(header.alg)) return 'algorithm';
  if (!isSignedBy(token, header.alg, key)) return 'signature';
  return { header, claims, refusedFrom: new Date((Number(claims['exp']) + LEEWAY_SECONDS) * 1000) };
}

function faultOfClaims({ iss, aud, exp, nbf, iat }: JsonObject, rules: TokenRules): TokenFault | undefined {
  const now = rules.now().getTime() / 1000;
  if (iss !== rules.issuer) return 'issuer';
  if (!namesOneOf(aud, rules.audiences)) return 'audience';
  if (!isTime(exp) || ![nbf, iat].every((time) => time === undefined || isTime(time))) return 'malformed';
  if (now >= exp + LEEWAY_SECONDS) return 'expired';
  const begins = Math.max(isTime(nbf) ? nbf : 0, isTime(iat) ? iat : 0);
  return now < begins - LEEWAY_SECONDS ? 'notYetValid' : undefined;
}

function namesOneOf(aud: unknown, audiences: readonly string[]): boolean {
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  return named.every((one) => typeof one === 'string') && named.some((one) => audiences.includes(one));
}

/** Seconds since 1970. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= MAX_TIME;
}
