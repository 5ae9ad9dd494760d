// The queue in the store: its order, its limit, and what is left of it after a crash.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginQueue, listSegments, openQueue, type Queue } from '../../src/events/queue.ts';
import * as layout from '../../src/registry/layout.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { eventOf, fakeClock, memoryStore } from './some-events.ts';

const ID = '00000000-0000-4000-8000-000000000000';
const HOUR_MS = 3_600_000;

function settingsOf(fields: object = {}) {
  return { endpoints: ['a', 'b'], most: 1000, now: fakeClock().now, ...fields };
}

async function tagsFor(queue: Queue, endpoint: string): Promise<(string | undefined)[]> {
  const segments = queue.next(endpoint, 1000);
  const events = await Promise.all(segments.map((segment) => queue.read(segment)));
  return events.flat().map(({ target }) => target.tag);
}

async function appendTags(queue: Queue, ...tags: readonly string[]): Promise<void> {
  for (const tag of tags) await queue.append([eventOf({ tag })]);
}

async function passAll(queue: Queue, endpoint: string): Promise<void> {
  const last = queue.next(endpoint, 1000).at(-1);
  if (last !== undefined) queue.pass(endpoint, last);
}

test('events come out in the order in which they went in, for each endpoint', async () => {
  const queue = await beginQueue(memoryStore(), ID, settingsOf());
  await appendTags(queue, '1', '2');
  await queue.append([eventOf({ tag: '3' }), eventOf({ tag: '4' })]);
  assert.equal(queue.pending('a'), 4);
  const [first] = queue.next('a', 1);
  assert.ok(first);
  queue.pass('a', first);
  assert.deepEqual(await tagsFor(queue, 'a'), ['2', '3', '4']);
  assert.deepEqual(await tagsFor(queue, 'b'), ['1', '2', '3', '4']);
  assert.equal(queue.pending('a'), 3);
});

test('a clock that goes back does not put new events before old ones', async () => {
  const clock = fakeClock();
  const queue = await beginQueue(memoryStore(), ID, settingsOf({ now: clock.now }));
  await appendTags(queue, '1');
  clock.pass(-HOUR_MS);
  await appendTags(queue, '2');
  assert.deepEqual(await tagsFor(queue, 'a'), ['1', '2']);
});

test('a queue that is opened again goes on where its positions were saved', async () => {
  const driver = memoryStore();
  const queue = await beginQueue(driver, ID, settingsOf());
  await appendTags(queue, '1', '2');
  await passAll(queue, 'a');
  await queue.save();
  await appendTags(queue, '3');
  const again = await openQueue(driver, ID, settingsOf({ endpoints: ['a', 'b', 'new'] }));
  assert.deepEqual(await tagsFor(again, 'a'), ['3']);
  assert.deepEqual(await tagsFor(again, 'b'), ['1', '2', '3']);
  assert.deepEqual(await tagsFor(again, 'new'), [], 'an endpoint is told what happens after it was named');
});

for (const [what, harm] of Object.entries({
  torn: (driver: StorageDriver) => driver.write(layout.eventPositions(ID), Buffer.from('{"a":"17')),
  gone: (driver: StorageDriver) => driver.delete(layout.eventPositions(ID)),
})) {
  test(`with positions that are ${what} everybody is told of everything again`, async () => {
    const driver = memoryStore();
    const queue = await beginQueue(driver, ID, settingsOf());
    await appendTags(queue, '1', '2');
    await passAll(queue, 'a');
    await queue.save();
    await harm(driver);
    assert.deepEqual(await tagsFor(await openQueue(driver, ID, settingsOf()), 'a'), ['1', '2']);
  });
}

test('a segment that is torn loses the events that cannot be read, and no others', async () => {
  const driver = memoryStore();
  const queue = await beginQueue(driver, ID, settingsOf());
  await queue.append([eventOf({ tag: '1' }), eventOf({ tag: '2' })]);
  const [segment] = await listSegments(driver, ID);
  assert.ok(segment);
  const key = layout.eventSegment(ID, segment.name);
  await driver.write(key, (await driver.read(key)).subarray(0, -20));
  assert.deepEqual(await tagsFor(await openQueue(driver, ID, settingsOf()), 'a'), ['1']);
});

test('beyond its limit the oldest events go, and it is said who was not told of them', async () => {
  const driver = memoryStore();
  const queue = await beginQueue(driver, ID, settingsOf({ most: 3 }));
  await appendTags(queue, '1', '2');
  const [first] = queue.next('a', 1);
  assert.ok(first);
  queue.pass('a', first);
  assert.equal((await queue.bound()).size, 0);
  await appendTags(queue, '3', '4', '5');
  assert.deepEqual(
    [...(await queue.bound())],
    [
      ['a', 1],
      ['b', 2],
    ],
  );
  assert.deepEqual(await tagsFor(queue, 'b'), ['3', '4', '5']);
  assert.equal(queue.pending('b'), 3);
  assert.equal((await listSegments(driver, ID)).length, 3);
});

test('what everybody was told of stays until it is old; what somebody was not told of stays', async () => {
  const clock = fakeClock();
  const driver = memoryStore();
  const queue = await beginQueue(driver, ID, settingsOf({ now: clock.now }));
  await appendTags(queue, '1');
  clock.pass(HOUR_MS);
  await appendTags(queue, '2', '3');
  await passAll(queue, 'a');
  const [first, second] = queue.next('b', 2);
  assert.ok(first && second);
  queue.pass('b', second);
  await queue.prune(clock.now().getTime() - HOUR_MS / 2);
  assert.equal((await listSegments(driver, ID)).length, 2, 'only the old one is gone');
  await queue.prune(clock.now().getTime() + 1);
  assert.deepEqual(await tagsFor(queue, 'b'), ['3'], 'nobody drops what was not told');
  await passAll(queue, 'b');
  await queue.prune(clock.now().getTime() + 1);
  assert.ok(queue.isEmpty());
});
