// Which passwords were seen to be right a short while ago: a pull of fifty requests, one after the other or all at once, then
// costs one hash.
import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { atMost } from '../../registry/at-most.ts';
import type { BcryptHash } from './bcrypt-hash.ts';
import type { BcryptPool } from './bcrypt-pool.ts';

export interface Proofs {
  /** As the pool's `verify`. A password that was right is right again without a hash, as long as the name has the same hash. */
  verify(name: string, password: string, hash: BcryptHash): Promise<boolean>;
}

/** Not to keep for longer what may be of no use any more; a change of the hash ends it at once in any case. */
const REMEMBERED_FOR_MS = 300_000;
const MAX_REMEMBERED = 10_000;

export function createProofs(bcrypt: Pick<BcryptPool, 'verify'>, now: () => Date): Proofs {
  // Nothing of a password is kept that could be tried against outside of this process.
  const key = randomBytes(32);
  const provedAt = new LRUCache<string, number>(atMost(MAX_REMEMBERED));
  const underWay = new Map<string, Promise<boolean>>();

  return {
    async verify(name, password, hash) {
      const mark = createHmac('sha256', key)
        .update(JSON.stringify([name, password, hash]))
        .digest('base64');
      if (isRemembered(mark)) return true;
      let check = underWay.get(mark);
      if (check === undefined) {
        check = prove(mark, password, hash).finally(() => underWay.delete(mark));
        underWay.set(mark, check);
      }
      return check;
    },
  };

  function isRemembered(mark: string): boolean {
    const since = provedAt.get(mark);
    return since !== undefined && Math.abs(now().getTime() - since) < REMEMBERED_FOR_MS;
  }

  async function prove(mark: string, password: string, hash: BcryptHash): Promise<boolean> {
    const matches = await bcrypt.verify(password, hash);
    if (matches) provedAt.set(mark, now().getTime());
    return matches;
  }
}
