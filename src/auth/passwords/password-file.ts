// Accounts in a password file (`auth.htpasswd`).
//
// A file that is not there is an error at start. The `registry` image makes one with the user `docker` and writes the password to
// its log: a mount that failed or a misspelt path then quietly opens another registry than the one that was meant, every
// replica makes its own, and whoever reads logs gets in.
import { createHmac, randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { Caller } from '../caller.ts';
import { type BcryptHash, makeDecoy, USUAL_COST } from './bcrypt-hash.ts';
import type { BcryptPool } from './bcrypt-pool.ts';
import { followPasswordFile } from './followed-file.ts';
import type { PasswordEntries } from './password-entries.ts';
import { createProofs } from './proofs.ts';

export interface PasswordFile {
  /**
   * The account that name and password prove; `undefined` if they prove nothing, in the same time for names that are in the file
   * and names that are not. Throws `tooManyRequests` and `unavailable` as the pool does.
   */
  verify(name: string, password: string): Promise<Caller | undefined>;
}

export interface PasswordFileDependencies {
  /** Stays with whoever made it: this does not close it. */
  readonly bcrypt: Pick<BcryptPool, 'verify'>;
  readonly log: Logger;
  readonly now?: () => Date;
}

/** Reads the file, and from now on follows its changes. Throws PasswordFileError (followed-file.ts). */
export async function openPasswordFile(
  path: string,
  { bcrypt, log, now = () => new Date() }: PasswordFileDependencies,
): Promise<PasswordFile> {
  const file = await followPasswordFile(path, log, now);
  const proofs = createProofs(bcrypt, now);
  const decoyFor = createDecoys();

  return {
    async verify(name, password) {
      const entries = await file.entries();
      const hash = entries.hashes.get(name);
      const matches = await proofs.verify(name, password, hash ?? decoyFor(name, entries));
      if (hash === undefined || !matches) return undefined;
      // The hashing may have waited: who was taken out of the file meanwhile does not come in any more.
      const still = (await file.entries()).hashes.get(name) === hash;
      return still ? { kind: 'account', name, groups: [] } : undefined;
    },
  };
}

/**
 * For a name that is not in the file, a hash with the cost of one that is: always the same one for the same name, and each cost
 * as often as the file has it. So not even a file with several costs tells who is in it.
 */
function createDecoys(): (name: string, entries: PasswordEntries) => BcryptHash {
  const key = randomBytes(32);
  const decoys = new Map<number, BcryptHash>();
  return (name, { costs }) => {
    const draw = createHmac('sha256', key).update(name).digest().readUInt32BE();
    const cost = costs[draw % costs.length] ?? USUAL_COST;
    const decoy = decoys.get(cost) ?? makeDecoy(cost);
    decoys.set(cost, decoy);
    return decoy;
  };
}
