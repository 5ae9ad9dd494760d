// A digest: the name of content by its bytes (image-spec, descriptor.md, "Digests").
import { createHash, hash } from 'node:crypto';
import { RegistryError } from './errors.ts';

declare const brand: unique symbol;

/** `sha256:<64 hex>` or `sha512:<128 hex>`, checked. */
export type Digest = string & { readonly [brand]: 'Digest' };

export type Algorithm = 'sha256' | 'sha512';

/** What clients use when they do not say otherwise. */
export const CANONICAL_ALGORITHM: Algorithm = 'sha256';

const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** Reads a digest. Throws `digestInvalid` for a wrong form, upper-case hex or an algorithm that is not supported. */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) throw new RegistryError('digestInvalid', { detail: text.slice(0, 200) });
  return text;
}

export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** Reads the name of an algorithm (`?digest-algorithm=`, distribution-spec end-4c). Throws `digestInvalid`. */
export function parseAlgorithm(text: string): Algorithm {
  if (text === 'sha256' || text === 'sha512') return text;
  throw new RegistryError('digestInvalid', { detail: text.slice(0, 200) });
}

export function algorithmOf(digest: Digest): Algorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** The digest of a whole content. */
export function digestOf(content: Uint8Array, algorithm: Algorithm): Digest {
  return `${algorithm}:${hash(algorithm, content, 'hex')}` as Digest;
}

/** Computes a digest piece by piece. `digest` may be asked for at any time, and does not end it. */
export interface Digester {
  readonly algorithm: Algorithm;
  update(chunk: Uint8Array): void;
  digest(): Digest;
  /** A digester of its own that has seen the same bytes. */
  copy(): Digester;
}

export function createDigester(algorithm: Algorithm): Digester {
  return wrap(algorithm, createHash(algorithm));
}

function wrap(algorithm: Algorithm, state: ReturnType<typeof createHash>): Digester {
  return {
    algorithm,
    update: (chunk) => void state.update(chunk),
    digest: () => `${algorithm}:${state.copy().digest('hex')}` as Digest,
    copy: () => wrap(algorithm, state.copy()),
  };
}
