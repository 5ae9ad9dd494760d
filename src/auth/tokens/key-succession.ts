// Which of several keys signs, and until when the others are good: worked out from when each of them began, so that replicas
// agree without a word.
import type { SigningAlgorithm, SigningKey } from './signing-key.ts';
import { LEEWAY_SECONDS } from './verify-token.ts';

/** A new key is published this long before it signs; longer than any replica goes on with an old list, and clocks may differ. */
export const PUBLISHED_BEFORE_MS = 120_000;

/** The key that signs at that time. The newest one, and of two that began together the one whose id comes first. */
export function signerAt(
  keys: readonly SigningKey[],
  algorithm: SigningAlgorithm,
  now: Date,
): SigningKey | undefined {
  return keys.filter((key) => key.algorithm === algorithm && key.signsFrom <= now).sort(newestFirst)[0];
}

/**
 * Whether everything that the key has signed is past: a later key has taken its place, every replica knows that, and the last
 * token has run out.
 * @param tokenLife in seconds
 */
export function isPast(key: SigningKey, keys: readonly SigningKey[], tokenLife: number, now: Date): boolean {
  const successors = keys.filter((other) => other.algorithm === key.algorithm && newestFirst(other, key) < 0);
  if (successors.length === 0) return false;
  const succeededAt = Math.min(...successors.map(({ signsFrom }) => signsFrom.getTime()));
  return now.getTime() > succeededAt + PUBLISHED_BEFORE_MS + (tokenLife + LEEWAY_SECONDS) * 1000;
}

/** In which order keys take over, the last one first. */
export function newestFirst(left: SigningKey, right: SigningKey): number {
  const later = right.signsFrom.getTime() - left.signsFrom.getTime();
  if (later !== 0) return later;
  return left.kid < right.kid ? -1 : 1;
}
