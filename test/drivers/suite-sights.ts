// What a driver that can tell at once whether something changed must tell. One that cannot has nothing to show here.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { newStagedWrite, type StillThere, type StorageDriver } from '../../storage-drivers/driver.ts';
import { bytes, chunksOf, text } from './content.ts';
import type { Case } from './suite.ts';

export const sightCases: readonly Case[] = [
  {
    title: 'what was seen of an object holds until its bytes are others, whoever changes them',
    async run(driver, another) {
      const second = await another();
      for (const changer of [driver, second]) {
        await driver.write('a/b', bytes('one'));
        await assertNoticed(driver, 'a/b', () => changer.write('a/b', bytes('two')));
        await assertNoticed(driver, 'a/b', () => changer.write('a/b', bytes('six')));
        await assertNoticed(driver, 'a/b', async () => {
          const write = await changer.append(newStagedWrite('up/data'), chunksOf(bytes('six')));
          await changer.commit(write, 'a/b');
        });
        await assertNoticed(driver, 'a/b', () => changer.delete('a/b'));
      }
    },
  },
  {
    title: 'that nothing is there holds until something is',
    async run(driver, another) {
      const second = await another();
      await assertNoticed(driver, 'not/yet', () => second.write('not/yet', bytes('now')));
    },
  },
  {
    title: 'what was seen of a prefix holds until a name below it comes or goes',
    async run(driver, another) {
      const second = await another();
      await driver.write('tags/one/link', bytes('1'));
      await assertNoticed(driver, 'tags', () => second.write('tags/two/link', bytes('2')));
      await assertNoticed(driver, 'tags', () => second.delete('tags/two'));
      await assertNoticed(driver, 'tags', () => driver.delete('tags'));
    },
  },
  {
    title: 'a change that follows another one at once is never missed',
    async run(driver, another) {
      if (driver.sight === undefined) return;
      const second = await another();
      for (let round = 0; round < 200; round += 1) {
        await second.write('hot/link', bytes(`${round}`), { durable: false });
        const holds = driver.sight('hot/link');
        const seen = text(await driver.read('hot/link'));
        await second.write('hot/link', bytes(`${round} again`.slice(0, seen.length)), { durable: false });
        await second.write('hot/link', bytes(`${round + 1}`), { durable: false });
        assert.notEqual(holds?.(), true);
      }
    },
  },
];

/** Waits until the driver vouches for what it sees, and checks that it tells the change from its absence. */
async function assertNoticed(driver: StorageDriver, key: string, change: () => Promise<unknown>) {
  const holds = await settledSight(driver, key);
  assert.notEqual(holds?.(), false);
  await change();
  assert.notEqual(holds?.(), true);
}

async function settledSight(driver: StorageDriver, key: string): Promise<StillThere | undefined> {
  if (driver.sight === undefined) return undefined;
  for (;;) {
    const holds = driver.sight(key);
    if (holds !== undefined) return holds;
    await sleep(10);
  }
}
