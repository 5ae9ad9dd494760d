// Whose queue it is, with several servers on one store.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOwnership, type Ownership, RENEWED_EVERY_MS } from '../../src/events/ownership.ts';
import * as layout from '../../src/registry/layout.ts';
import { createLocks } from '../../src/registry/locks.ts';
import { memoryStore } from './some-events.ts';

const QUEUE = '00000000-0000-4000-8000-000000000001';

function openServers(isAlone = false) {
  const driver = memoryStore();
  const locks = createLocks();
  let time = 0;
  const clock = () => time;
  const server = (name: string) => createOwnership({ driver, locks, server: name, isAlone, clock });
  return {
    driver,
    one: server('one'),
    two: server('two'),
    three: server('three'),
    /** Time passes for all, and only these show signs of life. */
    async passWith(ms: number, ...living: readonly Ownership[]) {
      for (const end = time + ms; time < end; ) {
        time = Math.min(end, time + RENEWED_EVERY_MS);
        for (const server of living) await server.renew();
      }
    },
  };
}

test('a queue whose owner shows signs of life is left alone', async () => {
  const { one, two, passWith } = openServers();
  await one.hold(QUEUE);
  for (let round = 0; round < 10; round += 1) {
    assert.equal(await two.adopt(), undefined);
    await passWith(10_000, one, two);
  }
});

test('a queue whose owner is silent is taken over, by one of those who notice', async () => {
  const { one, two, three, passWith } = openServers();
  await one.hold(QUEUE);
  assert.equal(await two.adopt(), undefined);
  assert.equal(await three.adopt(), undefined);
  await passWith(41_000, two, three);
  const adopted = await Promise.all([two.adopt(), three.adopt()]);
  assert.deepEqual(adopted.filter((queue) => queue === QUEUE).length, 1);
  assert.equal(one.isSure(), false, 'the silent one knows that the queue may not be its own any more');
});

test('an owner is unsure long before somebody else may take its queue', async () => {
  const { one, two, passWith } = openServers();
  await one.hold(QUEUE);
  await two.adopt();
  await passWith(21_000, two);
  assert.equal(one.isSure(), false);
  assert.equal(await two.adopt(), undefined);
});

test('an owner that was silent for long leaves what another one took over, and takes nothing over before it knows', async () => {
  const { one, two, passWith, driver } = openServers();
  await one.hold(QUEUE);
  await driver.write(layout.eventPositions(QUEUE), Buffer.from('{}'));
  await two.adopt();
  await passWith(41_000, two);
  assert.equal(await two.adopt(), QUEUE);
  const sign = await driver.read(layout.eventOwner(QUEUE));
  assert.equal(await one.adopt(), undefined);
  await one.renew();
  assert.deepEqual([one.isSure(), one.holds(QUEUE)], [true, false]);
  assert.deepEqual(await driver.read(layout.eventOwner(QUEUE)), sign);
  await two.releaseAll();
  assert.equal(await one.adopt(), QUEUE);
});

test('an owner that was silent for long keeps what nobody took over', async () => {
  const { one, two, passWith } = openServers();
  await one.hold(QUEUE);
  await two.adopt();
  await passWith(41_000, two);
  await one.renew();
  assert.deepEqual([one.isSure(), one.holds(QUEUE)], [true, true]);
  assert.equal(await two.adopt(), undefined, 'it shows signs of life again');
});

test('a queue that was given back is taken over at once', async () => {
  const { one, two, driver } = openServers();
  await one.hold(QUEUE);
  await driver.write(layout.eventPositions(QUEUE), Buffer.from('{}'));
  await one.releaseAll();
  assert.equal(await two.adopt(), QUEUE);
  assert.equal(await two.adopt(), undefined, 'it has it already');
});

test('who works alone takes everything over at once', async () => {
  const { one, two } = openServers(true);
  await one.hold(QUEUE);
  assert.equal(await two.adopt(), QUEUE);
  assert.equal(two.isSure(), true);
});
