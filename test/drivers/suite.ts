// The behaviour that every storage driver shares, run on one of them. A new driver needs nothing but this.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { createCheckedDriver } from '../../storage-drivers/checked.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { keyCases } from './suite-keys.ts';
import { listCases } from './suite-lists.ts';
import { objectCases } from './suite-objects.ts';
import { raceCases } from './suite-races.ts';
import { readerCases } from './suite-readers.ts';
import { sightCases } from './suite-sights.ts';
import { stagedCases } from './suite-staged.ts';

/** A store with nothing in it. */
export interface StoreUnderTest {
  /** Opens a driver on the store; again for each call, as another process would, if the store outlives a driver. */
  open(): Promise<StorageDriver>;
}

export interface Case {
  readonly title: string;
  /** `driver` is a checked one on an empty store; `another` opens a second one on the same store. */
  run(driver: StorageDriver, another: () => Promise<StorageDriver>): Promise<void>;
}

export interface SuiteOptions {
  /** Titles of cases that the driver cannot meet, each with why. */
  readonly skip: readonly { readonly test: string; readonly reason: string }[];
}

const CASES: readonly Case[] = [
  ...keyCases,
  ...objectCases,
  ...readerCases,
  ...listCases,
  ...stagedCases,
  ...raceCases,
  ...sightCases,
];

/** Defines the tests. `make` makes a fresh store for each of them, and removes it with the context's `after`. */
export function driverSuite(
  name: string,
  make: (context: TestContext) => Promise<StoreUnderTest>,
  { skip }: SuiteOptions,
): void {
  const reasons = new Map(skip.map(({ test, reason }) => [test, reason]));
  const unknown = [...reasons.keys()].filter((title) => !CASES.some((one) => one.title === title));
  assert.deepEqual(unknown, [], 'every skip names a case of the suite');

  describe(`the ${name} driver`, () => {
    for (const { title, run } of CASES) {
      test(title, { skip: reasons.get(title) ?? false }, async (context) => {
        const store = await make(context);
        const open = async () => createCheckedDriver(await store.open());
        const driver = await open();
        await run(driver, open);
        await assertCanBeEmptied(driver);
      });
    }
  });
}

async function assertCanBeEmptied(driver: StorageDriver): Promise<void> {
  for (const { name } of await driver.list('')) await driver.delete(name);
  assert.deepEqual(await driver.list(''), [], 'nothing is left after everything was deleted');
}
