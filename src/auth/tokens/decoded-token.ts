// What a token says, before anything of it is believed: only shapes that every reader understands in the same way.
import { parseStrictJson } from '../../registry/strict-json.ts';
import { type Algorithm, isAlgorithm } from './algorithms.ts';

export interface TokenHeader {
  readonly alg: Algorithm;
  readonly kid?: string;
  /** A chain of certificates, each as base64 of its DER, the signer's first. Proves nothing by itself. */
  readonly x5c?: readonly string[];
}

export type JsonObject = { readonly [name: string]: unknown };

export interface DecodedToken {
  readonly header: TokenHeader;
  readonly claims: JsonObject;
}

const MAX_KEY_ID_LENGTH = 512;
const MAX_CHAIN = 10;
/** `crit` and `b64` change what is signed, `enc` and `zip` what it means; none of them is needed by anybody we know. */
const REFUSED = ['crit', 'b64', 'enc', 'zip'];
const TYPES = /^(?:application\/)?(?:at\+)?jwt$/i;

/**
 * Takes a token apart (RFC 7515, compact serialization) whose length was checked. `undefined` for what is not three parts of
 * canonical base64url, the first two of them JSON objects without repeated keys.
 */
export function decodeToken(token: string): DecodedToken | undefined {
  const parts = token.split('.', 4);
  const [head, body, signature] = parts;
  if (parts.length !== 3 || head === undefined || body === undefined || signature === undefined)
    return undefined;
  if (decodePart(signature) === undefined) return undefined;
  const header = readHeader(decodeObject(head));
  if (header === undefined) return undefined;
  const claims = decodeObject(body);
  return claims && { header, claims };
}

function readHeader(header: JsonObject | undefined): TokenHeader | undefined {
  if (header === undefined || REFUSED.some((name) => Object.hasOwn(header, name))) return undefined;
  const { alg, kid, typ, cty, x5c } = header;
  if (!isAlgorithm(alg)) return undefined;
  if (typ !== undefined && !(typeof typ === 'string' && TYPES.test(typ))) return undefined;
  if (cty !== undefined && (typeof cty !== 'string' || TYPES.test(cty))) return undefined;
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > MAX_KEY_ID_LENGTH)) return undefined;
  if (x5c !== undefined && !isChain(x5c)) return undefined;
  return { alg, ...(kid !== undefined && { kid }), ...(x5c !== undefined && { x5c }) };
}

function isChain(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= MAX_CHAIN &&
    value.every((certificate) => typeof certificate === 'string')
  );
}

function decodeObject(part: string): JsonObject | undefined {
  const bytes = decodePart(part);
  if (bytes === undefined) return undefined;
  try {
    const value = parseStrictJson(bytes);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Buffer skips what is not base64url; what it makes of the bytes again is the only text that stands for them. */
function decodePart(part: string): Uint8Array | undefined {
  const bytes = Buffer.from(part, 'base64url');
  return bytes.length > 0 && bytes.toString('base64url') === part ? bytes : undefined;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
