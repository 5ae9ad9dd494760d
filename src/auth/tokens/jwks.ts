// A set of public keys as JSON (RFC 7517), read with care: it comes from a file or from another server.
import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import {
  ALGORITHMS,
  type Algorithm,
  isAlgorithm,
  type VerificationKey,
  verificationKey,
} from './algorithms.ts';
import { isObject, type JsonObject } from './decoded-token.ts';

/** A key of a set. One without an id can only be meant by a token that names none. */
export interface ListedKey extends VerificationKey {
  readonly kid?: string;
}

export interface KeySet {
  readonly keys: readonly ListedKey[];
  /** How many entries are of no use here: of unknown types, for encryption, too weak. */
  readonly skipped: number;
}

export interface KeySetRules {
  /** What the keys may be used for at most: without the symmetric ones, shared secrets (`oct`) are skipped. */
  readonly algorithms: readonly Algorithm[];
}

export class KeySetError extends Error {
  override readonly name = 'KeySetError';
}

const MAX_KEYS = 200;

/** Reads a set of keys. Throws KeySetError for what is none, and for one that uses an id twice. */
export function parseKeySet(value: unknown, rules: KeySetRules): KeySet {
  const entries: unknown = isObject(value) ? value['keys'] : undefined;
  if (!Array.isArray(entries)) throw new KeySetError('not a set of keys: there is no array "keys"');
  if (entries.length > MAX_KEYS) throw new KeySetError(`a set of more than ${MAX_KEYS} keys`);
  const keys = entries.map((entry) => readKey(entry, rules)).filter((key) => key !== undefined);
  const ids = keys.map(({ kid }) => kid).filter((kid) => kid !== undefined);
  if (new Set(ids).size < ids.length) throw new KeySetError('two keys of the set have the same kid');
  return { keys, skipped: entries.length - keys.length };
}

/** Finds the key that a header means: by its `kid`, or without one the only key there is. */
export function findIn({ keys }: KeySet, kid: string | undefined): ListedKey | undefined {
  if (kid === undefined) return keys.length === 1 ? keys[0] : undefined;
  return keys.find((key) => key.kid === kid);
}

function readKey(entry: unknown, rules: KeySetRules): ListedKey | undefined {
  if (!isObject(entry)) return undefined;
  const { kid, alg, use, key_ops: operations } = entry;
  if (kid !== undefined && typeof kid !== 'string') return undefined;
  if (use !== undefined && use !== 'sig') return undefined;
  if (Array.isArray(operations) && !operations.includes('verify')) return undefined;
  if (alg !== undefined && !isAlgorithm(alg)) return undefined;
  const object = readKeyObject(entry);
  const wanted = alg === undefined ? ALGORITHMS : [alg];
  const key =
    object &&
    verificationKey(
      object,
      wanted.filter((algorithm) => rules.algorithms.includes(algorithm)),
    );
  return key && { ...key, ...(kid !== undefined && { kid }) };
}

function readKeyObject(jwk: JsonObject): KeyObject | undefined {
  try {
    const { kty, k } = jwk;
    if (kty === 'oct') return typeof k === 'string' ? createSecretKey(k, 'base64url') : undefined;
    return createPublicKey({ format: 'jwk', key: { ...jwk } });
  } catch {
    // Of a type or a curve that is not known here.
    return undefined;
  }
}
