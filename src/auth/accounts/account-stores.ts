// What the accounts of a registry are kept in, and how those who change them keep out of each other's way.
import type { StorageDriver } from '../../../storage-drivers/driver.ts';
import { RegistryError } from '../../registry/errors.ts';
import type { Locks } from '../../registry/locks.ts';
import { type AccountName, isAccountName } from './account-name.ts';
import { createRecordStore, type RecordStore } from './record-store.ts';
import {
  type GroupRecord,
  groupSchema,
  type RobotRecord,
  robotSchema,
  type UserRecord,
  userSchema,
  useSchema,
} from './records.ts';

export interface AccountStores {
  readonly users: RecordStore<UserRecord>;
  readonly groups: RecordStore<GroupRecord>;
  readonly robots: RecordStore<RobotRecord>;
  readonly robotUse: RecordStore<{
    readonly version: 1;
    readonly name: AccountName;
    readonly lastUsed: string;
  }>;
  /**
   * Runs a change while nobody else changes any account: whether somebody is the last administrator, or a group is there,
   * stays true until it is written. `confirm` is to be called right before a write.
   */
  exclusively<T>(change: (confirm: () => Promise<void>) => Promise<T>): Promise<T>;
}

export interface AccountPage<Entry> {
  readonly entries: readonly Entry[];
  /** Whether there are entries after the last one. */
  readonly more: boolean;
}

const LOCK = 'auth:accounts';

export function createAccountStores(driver: StorageDriver, locks: Locks): AccountStores {
  return {
    users: createRecordStore(driver, 'users', userSchema),
    groups: createRecordStore(driver, 'groups', groupSchema),
    robots: createRecordStore(driver, 'robots', robotSchema),
    robotUse: createRecordStore(driver, 'robot-use', useSchema),
    exclusively: (change) => locks.exclusive(LOCK, (lease) => change(() => lease.confirm())),
  };
}

/** The record under a name that anybody may have made up. Throws `accountUnknown`. */
export async function readKnown<Row extends { readonly name: AccountName }>(
  kind: 'user' | 'group' | 'robot',
  store: RecordStore<Row>,
  name: string,
): Promise<Row> {
  const record = isAccountName(name) ? await store.read(name) : undefined;
  if (record !== undefined) return record;
  throw new RegistryError('accountUnknown', { detail: `${kind} ${name.slice(0, 63)}` });
}

/** Throws `accountExists`. */
export async function refuseTaken<Row extends { readonly name: AccountName }>(
  kind: 'user' | 'group' | 'robot',
  store: RecordStore<Row>,
  name: AccountName,
): Promise<void> {
  const record = await store.read(name);
  if (record !== undefined) throw new RegistryError('accountExists', { detail: `${kind} ${name}` });
}

/** Reads a page of records in the order of their names. */
export async function readPage<Row extends { readonly name: AccountName }>(
  store: RecordStore<Row>,
  limit: number,
  after?: string,
): Promise<AccountPage<Row>> {
  if (limit === 0) return { entries: [], more: false };
  const names = await store.names(limit + 1, after);
  return { entries: await store.readAll(names.slice(0, limit)), more: names.length > limit };
}
