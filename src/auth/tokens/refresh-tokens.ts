// Refresh tokens: opaque secrets, each good for one account at one service. What is kept of one is its hash and whose it is.
import { createHash, randomBytes } from 'node:crypto';
import pMap from 'p-map';
import { z } from 'zod';
import type { StorageDriver } from '../../../storage-drivers/driver.ts';
import { isKeyNotFound } from '../../../storage-drivers/errors.ts';
import { authKey } from '../../registry/layout.ts';

export interface RefreshRecord {
  readonly kind: 'account' | 'robot';
  readonly name: string;
  readonly service: string;
  readonly clientId: string;
  /** What the account's was when the token was made. */
  readonly secretVersion: string;
  readonly expiresAt: Date;
}

export interface RefreshTokens {
  /** Resolves to the token, which is nowhere else from then on. */
  make(record: Omit<RefreshRecord, 'expiresAt'>): Promise<string>;
  /** Whose the token is; `undefined` if it is none of ours, or not any more. */
  find(token: string): Promise<RefreshRecord | undefined>;
  /** Resolves also for one that is not known. */
  remove(token: string): Promise<void>;
  /** Removes those that have run out, and resolves to how many they were. */
  sweep(): Promise<number>;
}

const PREFIX = 'berth_rt_';
const FORM = /^berth_rt_[A-Za-z0-9_-]{43}$/;
const PAGE = 500;

const recordSchema = z.strictObject({
  version: z.literal(1),
  kind: z.enum(['account', 'robot']),
  name: z.string(),
  service: z.string(),
  clientId: z.string(),
  secretVersion: z.string(),
  expiresAt: z.iso.datetime().transform((text) => new Date(text)),
});

/**
 * @param life in seconds
 * @param tidies whether a token that has run out is removed when it is shown
 */
export function createRefreshTokens(
  driver: StorageDriver,
  life: number,
  now: () => Date,
  tidies: boolean,
): RefreshTokens {
  async function readRecord(name: string): Promise<RefreshRecord | undefined> {
    try {
      const { data } = recordSchema.safeParse(parseJson(await driver.read(keyOf(name))));
      return data;
    } catch (error) {
      if (isKeyNotFound(error)) return undefined;
      throw error;
    }
  }

  const removeRecord = (name: string) => driver.delete(keyOf(name), { alone: true });

  return {
    async make(record) {
      const token = `${PREFIX}${randomBytes(32).toString('base64url')}`;
      const expiresAt = new Date(now().getTime() + life * 1000).toISOString();
      const content = JSON.stringify({ version: 1, ...record, expiresAt });
      await driver.write(keyOf(nameOf(token)), Buffer.from(content));
      return token;
    },
    async find(token) {
      if (!FORM.test(token)) return undefined;
      // Found by its hash: how long that takes tells nothing of a token that there is.
      const record = await readRecord(nameOf(token));
      if (record === undefined || now() < record.expiresAt) return record;
      if (tidies) await removeRecord(nameOf(token));
      return undefined;
    },
    async remove(token) {
      if (FORM.test(token)) await removeRecord(nameOf(token));
    },
    async sweep() {
      let removed = 0;
      for (let after: string | undefined, more = true; more; ) {
        const options = { limit: PAGE, ...(after !== undefined && { after }) };
        const entries = await driver.list(authKey('refresh'), options);
        const gone = await pMap(entries, ({ name }) => removeIfPast(name), { concurrency: 4 });
        removed += gone.filter(Boolean).length;
        after = entries.at(-1)?.name;
        more = entries.length === PAGE;
      }
      return removed;
    },
  };

  async function removeIfPast(name: string): Promise<boolean> {
    const record = await readRecord(name);
    if (record === undefined || now() < record.expiresAt) return false;
    await removeRecord(name);
    return true;
  }
}

function nameOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function keyOf(name: string): string {
  return authKey('refresh', name);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}
