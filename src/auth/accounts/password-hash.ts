// Passwords of users: which ones are taken, and what is kept of them instead.
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { z } from 'zod';
import { RegistryError } from '../../registry/errors.ts';
import type { AccountName } from './account-name.ts';
import type { Queue } from './queue.ts';

/** How dear one hash is: 128 * N * r bytes of memory, and time in proportion to N * r * p. */
export interface PasswordCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

export interface PasswordHashes {
  /** What to keep of a password. Throws `accountInvalid` for one that is not taken, and `tooManyRequests`. */
  make(password: string, name: AccountName): Promise<PasswordHash>;
  /**
   * Whether it is the password. Without a hash it is not, at the same cost. Throws `tooManyRequests` when too many wait.
   */
  matches(password: string, hash: PasswordHash | undefined): Promise<boolean>;
}

/** The OWASP password storage cheat sheet (2025) names this one among its equals; it needs the least memory of those. */
export const PASSWORD_COST: PasswordCost = { N: 2 ** 15, r: 8, p: 3 };
const MOST_MEMORY = 256 * 1024 * 1024;
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const LEAST_CHARACTERS = 8;
const MOST_BYTES = 256;

const base64 = z.string().regex(/^[A-Za-z0-9+/]{20,}={0,2}$/);
export const passwordHashSchema = z
  .strictObject({
    kdf: z.literal('scrypt'),
    N: z
      .int()
      .min(2)
      .max(2 ** 20),
    r: z.int().min(1).max(32),
    p: z.int().min(1).max(16),
    salt: base64,
    hash: base64,
  })
  .refine(({ N, r }) => 128 * N * r < MOST_MEMORY);
export type PasswordHash = Readonly<z.output<typeof passwordHashSchema>>;

const deriveKey: (
  password: string,
  salt: Uint8Array,
  length: number,
  cost: PasswordCost & { readonly maxmem: number },
) => Promise<Buffer> = promisify(scrypt);

/** Hashes on the threads for files, as many at a time as the queue lets through. */
export function createPasswordHashes(queue: Queue, cost: PasswordCost): PasswordHashes {
  const nobodys = { ...cost, salt: randomBytes(SALT_BYTES), hash: randomBytes(KEY_BYTES) };

  async function derive(password: string, salt: Uint8Array, { N, r, p }: PasswordCost): Promise<Buffer> {
    const normal = password.normalize('NFC');
    return queue.run(() => deriveKey(normal, salt, KEY_BYTES, { N, r, p, maxmem: MOST_MEMORY }));
  }

  return {
    async make(password, name) {
      const problem = problemOf(password, name);
      if (problem !== undefined) throw new RegistryError('accountInvalid', { detail: problem });
      const salt = randomBytes(SALT_BYTES);
      const hash = await derive(password, salt, cost);
      const { N, r, p } = cost;
      return { kdf: 'scrypt', N, r, p, salt: salt.toString('base64'), hash: hash.toString('base64') };
    },

    async matches(password, kept) {
      // Nobody has such a password, so this tells nothing of the name.
      if (isTooLong(password)) return false;
      const wanted = kept === undefined ? nobodys : decoded(kept);
      const found = await derive(password, wanted.salt, wanted);
      return wanted.hash.length === found.length && timingSafeEqual(wanted.hash, found) && kept !== undefined;
    },
  };
}

/** What is wrong with a new password, without a word of it; `undefined` if it is taken. */
function problemOf(password: string, name: AccountName): string | undefined {
  const normal = password.normalize('NFC');
  if (!password.isWellFormed()) return 'a password is well-formed Unicode';
  // Basic authentication cannot carry them (RFC 7617, section 2).
  if (/\p{Cc}/u.test(password)) return 'a password has no control characters';
  if ([...normal].length < LEAST_CHARACTERS) return `a password has at least ${LEAST_CHARACTERS} characters`;
  if (isTooLong(password)) return `a password has at most ${MOST_BYTES} bytes`;
  if (normal.toLowerCase() === name) return 'a password is not the name of its user';
  return undefined;
}

/** Refused rather than cut: a part of a password is not the password. */
function isTooLong(password: string): boolean {
  // Normalizing what is far too long would be work for nothing.
  return password.length > 4 * MOST_BYTES || Buffer.byteLength(password.normalize('NFC')) > MOST_BYTES;
}

function decoded({ N, r, p, salt, hash }: PasswordHash) {
  return { N, r, p, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
}
