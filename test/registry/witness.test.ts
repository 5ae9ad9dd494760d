// What an answer rests on is noted while it is made, and found changed afterwards.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWitness } from '../../src/registry/witness.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';

const BYTES = Buffer.from('bytes');

function open(store: StorageDriver = createMemoryDriver()) {
  const { driver, witness } = createWitness(store);
  assert.ok(witness !== undefined);
  return { store, driver, witness };
}

test('evidence holds until something changes that was looked at', async () => {
  const { store, driver, witness } = open();
  await store.write('a', BYTES);
  const { result, evidence } = await witness.during(() => driver.read('a'));
  assert.deepEqual(Buffer.from(result), BYTES);
  assert.equal(evidence?.(), true);
  await store.write('a', BYTES);
  assert.equal(evidence?.(), false);
});

test('work during which something changes leaves no evidence', async () => {
  const { store, driver, witness } = open();
  await store.write('a', BYTES);
  const { evidence } = await witness.during(async () => {
    await driver.stat('a');
    await store.write('a', BYTES);
  });
  assert.equal(evidence, undefined);
});

test('what the store cannot vouch for, and too much of it, leaves no evidence', async () => {
  const store = createMemoryDriver();
  const unsettled = open({ ...store, sight: () => undefined });
  await store.write('a', BYTES);
  const { evidence } = await unsettled.witness.during(() => unsettled.driver.read('a'));
  assert.equal(evidence, undefined);
  const { driver, witness } = open(store);
  const many = await witness.during(async () => {
    for (let number = 0; number < 100; number += 1) await driver.list(`prefix-${number}`);
  });
  assert.equal(many.evidence, undefined);
});

test('two that are at work at once do not answer for each other', async () => {
  const looked: string[] = [];
  const store = createMemoryDriver();
  const { driver, witness } = open({
    ...store,
    sight(key) {
      looked.push(key);
      return () => key !== 'changed';
    },
  });
  await store.write('changed', BYTES);
  await store.write('same', BYTES);
  const [one, other] = await Promise.all(
    ['changed', 'same'].map((key) => witness.during(() => driver.read(key))),
  );
  assert.deepEqual(looked.sort(), ['changed', 'same']);
  assert.equal(one?.evidence, undefined);
  assert.equal(other?.evidence?.(), true);
});

test('what is read outside of any work is noted nowhere', async () => {
  const store = createMemoryDriver();
  const { driver } = open({ ...store, sight: () => assert.fail('nobody asked') });
  await store.write('a', BYTES);
  await driver.read('a');
});

test('a store that cannot tell has no witness', () => {
  const { sight: _, ...store } = createMemoryDriver();
  assert.equal(createWitness(store).witness, undefined);
});
