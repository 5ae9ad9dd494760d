// Which logins were seen to be right a moment ago: fifty requests of one pull, one after the other or all at once, cost one hash.
import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { atMost } from '../../registry/at-most.ts';

export interface RememberedLogins {
  /**
   * Whether the secret is right: as `check` says now (`proved`, `wrong`), or said of the same three lately (`remembered`).
   * The secretVersion is that of the account as it is now, so whatever has changed is checked again.
   */
  check(
    name: string,
    secretVersion: string,
    secret: string,
    check: () => Promise<boolean>,
  ): Promise<'remembered' | 'proved' | 'wrong'>;
}

const REMEMBERED_FOR_MS = 60_000;
const MOST_REMEMBERED = 10_000;

export function createRememberedLogins(now: () => Date): RememberedLogins {
  // Nothing is kept of a secret that could be tried against outside of this process.
  const key = randomBytes(32);
  const provedAt = new LRUCache<string, number>(atMost(MOST_REMEMBERED));
  const underWay = new Map<string, Promise<boolean>>();

  return {
    async check(name, secretVersion, secret, check) {
      const login = JSON.stringify([name, secretVersion, secret]);
      const mark = createHmac('sha256', key).update(login).digest('base64');
      const since = provedAt.get(mark);
      if (since !== undefined && Math.abs(now().getTime() - since) < REMEMBERED_FOR_MS) return 'remembered';
      const running = underWay.get(mark) ?? check().finally(() => underWay.delete(mark));
      underWay.set(mark, running);
      if (!(await running)) return 'wrong';
      provedAt.set(mark, now().getTime());
      return 'proved';
    },
  };
}
