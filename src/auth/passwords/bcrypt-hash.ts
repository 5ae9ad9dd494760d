// A bcrypt hash in the form in which password files hold it: `$2y$10$`, 22 characters of salt, 31 of hash.
import { randomBytes } from 'node:crypto';

declare const brand: unique symbol;

/** Text that bcrypt can check a password against, at a cost that this registry is willing to pay. */
export type BcryptHash = string & { readonly [brand]: 'BcryptHash' };

/**
 * The costs that are taken. A step doubles the time: in 2026 one core of a small server takes 60 ms for cost 10 and 220 ms for
 * cost 12, and so checks four unknown passwords a second. At 20 a single login would take it a minute. Below 4 there is none.
 */
export const MAX_COST = 12;
const MIN_COST = 4;

/** What `htpasswd -B` and bcrypt libraries take by themselves lies between 5 and 12; most take 10. */
export const USUAL_COST = 10;

const FORM = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

const FOREIGN_FORMS: readonly (readonly [start: RegExp, name: string])[] = [
  [/^\{SHA\}/i, 'a SHA-1 hash'],
  [/^\$apr1\$|^\$1\$/, 'an MD5 hash'],
  [/^\$[56]\$/, 'a SHA-2 crypt hash'],
  [/^\$argon2/, 'an Argon2 hash'],
  [/^\$2[aby]\$/, 'a bcrypt hash that is cut short or has something after it'],
];

/** Why a text is not taken as a hash. The message says nothing of the text but what kind it is. */
export class BcryptHashError extends Error {
  override readonly name = 'BcryptHashError';
}

/** Reads a hash: `$2a$`, `$2b$` and `$2y$`, which differ only in bugs of long ago. Throws BcryptHashError. */
export function parseBcryptHash(text: string): BcryptHash {
  const [, digits] = FORM.exec(text) ?? [];
  if (digits === undefined) throw new BcryptHashError(`${formOf(text)}; only bcrypt is taken (htpasswd -B)`);
  const cost = Number(digits);
  if (cost > MAX_COST) throw new BcryptHashError(`its bcrypt cost is ${cost}; at most ${MAX_COST} is taken`);
  if (cost < MIN_COST) throw new BcryptHashError(`its bcrypt cost is ${cost}; at least ${MIN_COST} is taken`);
  return withCanonicalSalt(text) as BcryptHash;
}

export function costOf(hash: BcryptHash): number {
  return Number(hash.slice(4, 6));
}

/** A hash that no password has, to spend the time on that a real one would take. */
export function makeDecoy(cost: number): BcryptHash {
  const noise = randomBytes(53).toString('base64').replaceAll('+', '.').slice(0, 53);
  return parseBcryptHash(`$2b$${String(cost).padStart(2, '0')}$${noise}`);
}

/**
 * The last character of a salt carries two bits; some tools fill its other four with noise. The `registry` image matches such
 * hashes, while bcryptjs compares with the salt as it would write it itself.
 */
function withCanonicalSalt(text: string): string {
  const alphabet = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  const last = alphabet.charAt(alphabet.indexOf(text.charAt(28)) & 0b110000);
  return text.slice(0, 28) + last + text.slice(29);
}

function formOf(text: string): string {
  const [, name] = FOREIGN_FORMS.find(([start]) => start.test(text)) ?? [];
  return `it has ${name ?? 'no hash that is known (a plain password?)'}`;
}
