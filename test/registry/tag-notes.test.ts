// Finding the tags of a manifest among many: exactly those that point to it, whoever moved them and whatever was interrupted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDeletedManifests } from '../../src/registry/deleted-manifests.ts';
import { type Digest, digestOf } from '../../src/registry/digest.ts';
import * as layout from '../../src/registry/layout.ts';
import { parseRepositoryName } from '../../src/registry/name.ts';
import { parseTag, type Tag } from '../../src/registry/reference.ts';
import { type Alone, createTags, type Tags } from '../../src/registry/tags.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { stopping } from '../support/stopping-driver.ts';
import { objectsBelow } from '../support/test-store.ts';

const repository = parseRepositoryName('app');
const notes = 'docker/registry/v2/repositories/app/_berth';
const [one, two, three] = ['one', 'two', 'three'].map((word) => digestOf(Buffer.from(word), 'sha256')) as [
  Digest,
  Digest,
  Digest,
];
const tagNames = Array.from({ length: 12 }, (_, number) => parseTag(`t${String(number).padStart(2, '0')}`));
const [first = parseTag('t'), second = first, third = first] = tagNames;

/** Nobody else is there. */
const alone: Alone = (work) => work();

test('after the first delete those tags alone are looked at that may point to the manifest', async () => {
  const { driver, tags, looks } = await manyTags();
  await tags.prepare(repository, alone);
  assert.equal(looks(), tagNames.length, 'each once');
  await tags.point(repository, first, two);
  looks.reset();
  await tags.prepare(repository, alone);
  assert.deepEqual(await tags.on(repository, two), [first]);
  assert.deepEqual(await tags.on(repository, three), []);
  assert.equal(looks(), 1);
  assert.deepEqual(await tags.on(repository, one), await truth(driver, one));
});

test('a tag that moves is found where it is, whichever server moves it', async () => {
  const { driver, tags } = await manyTags();
  const another = openTags(driver);
  await tags.prepare(repository, alone);
  await another.point(repository, first, two);
  await another.point(repository, second, two);
  await tags.point(repository, second, three);
  await another.point(repository, parseTag('new'), three);
  await another.remove(repository, third);
  for (const digest of [one, two, three]) {
    for (const server of [tags, another, openTags(driver)]) {
      await server.prepare(repository, alone);
      assert.deepEqual((await server.on(repository, digest)).toSorted(), await truth(driver, digest));
    }
  }
});

test('what another kind of server moved meanwhile is found by the next process', async () => {
  const { driver, tags } = await manyTags();
  await tags.prepare(repository, alone);
  await tags.point(repository, first, two);
  for (const [tag, digest] of [
    [first, three],
    [second, two],
    [parseTag('foreign'), three],
  ] as const) {
    await driver.write(layout.tagIndexLink(repository, tag, digest), layout.linkContent(digest));
    await driver.write(layout.tagCurrentLink(repository, tag), layout.linkContent(digest));
  }
  const next = openTags(driver);
  await next.prepare(repository, alone);
  for (const digest of [one, two, three]) {
    assert.deepEqual((await next.on(repository, digest)).toSorted(), await truth(driver, digest));
  }
});

test('wherever a server is stopped, no other one misses a tag', async () => {
  for (let steps = 0; ; steps += 1) {
    const { driver, tags: witness } = await manyTags();
    await witness.prepare(repository, alone);
    const doomed = openTags(stopping(driver, steps));
    const died = await doings(doomed).then(
      () => false,
      () => true,
    );
    for (const server of [witness, openTags(driver)]) {
      for (const digest of [one, two, three]) {
        assert.deepEqual(
          (await server.on(repository, digest)).toSorted(),
          await truth(driver, digest),
          `${steps} steps`,
        );
        await server.prepare(repository, alone);
      }
    }
    if (!died) return;
  }
});

test('a server that is stopped while it notes what the tags point to leaves nothing that is believed', async () => {
  for (let steps = 0; ; steps += 1) {
    const { driver } = await manyTags();
    let wasStopped = false;
    const onStop = () => {
      wasStopped = true;
    };
    const doomed = openTags(stopping(driver, steps, onStop));
    await doomed.prepare(repository, alone).catch(() => undefined);
    await openTags(driver).point(repository, first, two);
    const next = openTags(driver);
    await next.prepare(repository, alone);
    for (const digest of [one, two]) {
      assert.deepEqual((await next.on(repository, digest)).toSorted(), await truth(driver, digest));
    }
    if (!wasStopped) return;
  }
});

test('moves that come while every tag is looked at are noted', async () => {
  const { driver, tags } = await manyTags();
  const another = openTags(driver);
  let moved: Promise<void> | undefined;
  const slow = openTags({
    ...driver,
    async read(key) {
      const content = await driver.read(key);
      // Behind the look at this tag, and before the look at the others is over.
      if (key === layout.tagCurrentLink(repository, first)) {
        moved ??= another.point(repository, first, two);
        await moved;
      }
      return content;
    },
  });
  await slow.prepare(repository, alone);
  assert.deepEqual(await slow.on(repository, two), [first]);
  await tags.prepare(repository, alone);
  assert.deepEqual(await tags.on(repository, two), [first]);
});

test('two that need the notes at once look at the tags once', async () => {
  const { tags, looks } = await manyTags();
  await Promise.all([tags.prepare(repository, alone), tags.prepare(repository, alone)]);
  assert.equal(looks(), tagNames.length);
});

test('few tags are looked at, and nothing is noted of them', async () => {
  const { driver, tags } = await manyTags(tagNames.length);
  await tags.prepare(repository, alone);
  await tags.point(repository, first, two);
  assert.deepEqual(await tags.on(repository, two), [first]);
  assert.deepEqual(await objectsBelow(driver, notes), []);
});

test('in a store that is far away nothing is noted', async () => {
  const inner = createMemoryDriver();
  const { sight: _, ...driver } = inner;
  const { tags } = await manyTags(3, driver);
  await tags.prepare(repository, alone);
  await tags.point(repository, first, two);
  assert.deepEqual(await tags.on(repository, two), [first]);
  assert.deepEqual(await objectsBelow(driver, notes), []);
});

test('where nothing can be noted, as on a full disk, every tag is looked at', async () => {
  const { driver } = await manyTags();
  const tags = openTags(stopping(driver, 0));
  await tags.prepare(repository, alone);
  assert.deepEqual(await tags.on(repository, one), await truth(driver, one));
});

test('notes that somebody removed are made again', async () => {
  const { driver, tags } = await manyTags();
  await tags.prepare(repository, alone);
  await driver.delete(notes);
  await tags.point(repository, first, two);
  assert.deepEqual(await tags.on(repository, two), [first], 'before');
  await tags.prepare(repository, alone);
  await driver.delete(layout.tagNotes(repository, two));
  assert.deepEqual(await tags.on(repository, two), [first], 'and after');
});

test('what is noted of a manifest goes with it', async () => {
  const { driver, tags } = await manyTags();
  await tags.prepare(repository, alone);
  await tags.point(repository, first, two);
  assert.equal((await objectsBelow(driver, layout.tagNotes(repository, two))).length, 1);
  for (const tag of await tags.on(repository, two)) await tags.remove(repository, tag);
  await tags.forget(repository, two);
  assert.deepEqual(await objectsBelow(driver, layout.tagNotes(repository, two)), []);
  assert.deepEqual(await tags.on(repository, two), []);
});

async function doings(tags: Tags): Promise<void> {
  await tags.point(repository, first, two);
  await tags.point(repository, parseTag('new'), two);
  await tags.point(repository, first, three);
  await tags.remove(repository, second);
  await tags.point(repository, second, two);
}

/** A repository with many tags on one manifest, as far as `few` says so. */
async function manyTags(few = 3, driver: StorageDriver = createMemoryDriver()) {
  const filler = openTags(driver, tagNames.length + 1);
  for (const tag of tagNames) await filler.point(repository, tag, one);
  let count = 0;
  const looks = Object.assign(() => count, {
    reset: () => {
      count = 0;
    },
  });
  const counted: StorageDriver = {
    ...driver,
    read: (key) => {
      if (key.endsWith('/current/link')) count += 1;
      return driver.read(key);
    },
  };
  return { driver, tags: openTags(counted, few), looks };
}

function openTags(driver: StorageDriver, few = 3): Tags {
  return createTags(driver, createDeletedManifests(driver), { concurrentReads: 2, few });
}

/** What the links say. */
async function truth(driver: StorageDriver, digest: Digest): Promise<Tag[]> {
  const found: Tag[] = [];
  for (const { name } of await driver.list(layout.tags(repository))) {
    const tag = parseTag(name);
    const link = await driver.read(layout.tagCurrentLink(repository, tag)).catch(() => new Uint8Array(0));
    if (layout.parseLink(link) === digest) found.push(tag);
  }
  return found;
}
