// Where records of one kind are kept, each under its name.
import pMap from 'p-map';
import type { z } from 'zod';
import type { StorageDriver } from '../../../storage-drivers/driver.ts';
import { orAbsent } from '../../registry/content.ts';
import { authKey } from '../../registry/layout.ts';
import { type AccountName, isAccountName } from './account-name.ts';

export interface RecordStore<Row extends { readonly name: AccountName }> {
  /** `undefined` if there is none. Throws AccountRecordError for one that is damaged. */
  read(name: AccountName): Promise<Row | undefined>;
  /** @param durable `false` for what nobody misses after a power cut; true if not given */
  write(record: Row, durable?: boolean): Promise<void>;
  remove(name: AccountName): Promise<void>;
  /** Names in their order, after the given one. */
  names(limit?: number, after?: string): Promise<readonly AccountName[]>;
  /** All records, or those of the names. */
  readAll(names?: readonly AccountName[]): Promise<readonly Row[]>;
}

/** What is kept of an account cannot be read. Nobody gets in with it. */
export class AccountRecordError extends Error {
  override readonly name = 'AccountRecordError';
}

const CONCURRENT_READS = 8;

export function createRecordStore<Row extends { readonly name: AccountName }>(
  driver: StorageDriver,
  kind: 'users' | 'groups' | 'robots' | 'robot-use',
  schema: z.ZodType<Row>,
): RecordStore<Row> {
  async function read(name: AccountName): Promise<Row | undefined> {
    const key = authKey(kind, name);
    const bytes = await orAbsent(driver.read(key));
    if (bytes === undefined) return undefined;
    const { data } = schema.safeParse(parseJson(bytes));
    // A copy under another name is nobody's account.
    if (data === undefined || data.name !== name) throw new AccountRecordError(`${key} is damaged`);
    return data;
  }

  async function names(limit?: number, after?: string): Promise<readonly AccountName[]> {
    const options = { ...(limit !== undefined && { limit }), ...(after !== undefined && { after }) };
    const entries = await driver.list(authKey(kind), options);
    return entries.map(({ name }) => name).filter(isAccountName);
  }

  return {
    read,
    names,
    async write(record, durable = true) {
      await driver.write(authKey(kind, record.name), Buffer.from(JSON.stringify(record)), { durable });
    },
    async remove(name) {
      await driver.delete(authKey(kind, name), { alone: true });
    },
    async readAll(wanted) {
      const rows = await pMap(wanted ?? (await names()), read, { concurrency: CONCURRENT_READS });
      // One that is gone by now was removed meanwhile.
      return rows.filter((row) => row !== undefined);
    },
  };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}
