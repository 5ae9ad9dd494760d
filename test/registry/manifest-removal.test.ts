// Deleting a manifest that many tags may be on: answered before they are looked for, and from then on they are seen nowhere.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createContent } from '../../src/registry/content.ts';
import { createDeletedManifests } from '../../src/registry/deleted-manifests.ts';
import { type Digest, digestOf } from '../../src/registry/digest.ts';
import { RegistryError } from '../../src/registry/errors.ts';
import { createHeldContent } from '../../src/registry/held-content.ts';
import * as layout from '../../src/registry/layout.ts';
import { createLocks } from '../../src/registry/locks.ts';
import { createManifestRemoval } from '../../src/registry/manifest-removal.ts';
import { createManifests } from '../../src/registry/manifests.ts';
import { parseRepositoryName } from '../../src/registry/name.ts';
import { parseTag, type Tag } from '../../src/registry/reference.ts';
import { createReferrers } from '../../src/registry/referrers.ts';
import { createStoredManifests } from '../../src/registry/stored-manifests.ts';
import { createTags } from '../../src/registry/tags.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { manifestOf } from '../support/content.ts';
import { stopping } from '../support/stopping-driver.ts';
import { objectsBelow } from '../support/test-store.ts';

const repository = parseRepositoryName('app');
const notes = 'docker/registry/v2/repositories/app/_berth';
const [gone, kept] = ['gone', 'kept'].map((word) => manifestOf({ fields: { annotations: { word } } })) as [
  Buffer,
  Buffer,
];
const goneDigest = digestOf(gone, 'sha256');
const onGone = ['a', 'c', 'e'].map(parseTag);
const onKept = ['b', 'd', 'f', 'g', 'h'].map(parseTag);

test('the answer comes before any tag was looked at, and the tags are gone all the same', async () => {
  const server = open(await filled());
  await server.remove();
  assert.equal(server.looks(), 0);
  await server.assertGone();
  await server.removal.settle(repository);
  assert.ok(server.looks() > 0);
  await server.assertGone();
  assert.deepEqual(await namesIn(server.driver), onKept, 'nothing of them is left');
  assert.deepEqual(await objectsBelow(server.driver, `${notes}/deleted`), []);
});

test('the next ones are found by their notes, and told', async () => {
  const server = open(await filled());
  await server.push(kept, 'x');
  await server.remove();
  await server.removal.settle(repository);
  await server.push(gone, 'y', 'z');
  const before = server.looks();
  assert.deepEqual([...(await server.remove())].toSorted(), ['y', 'z']);
  assert.equal(server.looks() - before, 2 + onGone.length, 'those that are on it, and those that once were');
  await server.assertGone();
});

test('a tag of it can be pushed again at once, as one that is not there', async () => {
  const server = open(await filled());
  await server.remove();
  const reference = { kind: 'tag', tag: parseTag('a') } as const;
  await server.manifests.put(repository, { reference, bytes: kept, precondition: { noneMatch: 'any' } });
  await server.removal.settle(repository);
  assert.equal(await server.tags.resolve(repository, reference.tag), digestOf(kept, 'sha256'));
  await assert.rejects(
    server.manifests.remove(repository, { kind: 'tag', tag: parseTag('c') }),
    (error) => error instanceof RegistryError && error.reason === 'manifestUnknown',
  );
});

test('a manifest that is pushed again comes without the tags that went with it', async () => {
  const server = open(await filled());
  await server.remove();
  await server.push(gone, 'c', 'new');
  assert.deepEqual(await server.visible(), [...onKept, 'c', 'new'].toSorted());
  assert.deepEqual([...(await server.tags.on(repository, goneDigest))].toSorted(), ['c', 'new']);
});

test('rules that keep tags are held before anything goes', async () => {
  const server = open(await filled());
  const mayRemove = (tag: Tag) => tag !== 'e';
  await assert.rejects(
    server.removal.manifest(repository, goneDigest, mayRemove),
    (error) => error instanceof RegistryError && error.reason === 'tagImmutable',
  );
  assert.deepEqual(await server.visible(), [...onGone, ...onKept].toSorted());
  await server.removal.manifest(repository, goneDigest, () => true);
  assert.deepEqual(await namesIn(server.driver), onKept);
});

test('where a delete cannot be noted, as on a full disk, the tags are looked for at once', async () => {
  const driver = await filled();
  const full = { ...driver, write: () => Promise.reject(new Error('no space')) };
  assert.deepEqual([...(await open(full).remove())].toSorted(), onGone);
  assert.deepEqual(await namesIn(driver), onKept);
});

test('wherever it is stopped, tags are seen with their manifest or not at all, and none comes back', async () => {
  for (let steps = 0; ; steps += 1) {
    const driver = await filled();
    const doomed = open(stopping(driver, steps));
    const isAnswered = await doomed.remove().then(
      () => true,
      () => false,
    );
    const isSettled = await doomed.removal.settle(repository).then(
      () => true,
      () => false,
    );
    const next = open(driver);
    const before = await next.visible();
    if (isAnswered) await next.assertGone();
    const isThere = before.some((tag) => onGone.includes(tag));
    assert.equal(isThere ? await next.has() : true, true);
    await next.push(gone, 'new');
    // Also by the next process, which knows nothing but the store.
    const after = await open(driver).visible();
    assert.deepEqual(after, [...before, 'new'].toSorted(), `${steps} steps`);
    await next.remove();
    await next.removal.settle(repository);
    assert.deepEqual(await namesIn(driver), onKept, `${steps} steps`);
    if (isAnswered && isSettled) return;
  }
});

test('what goes on behind the answers can be given up, and the next delete takes it up', async () => {
  const driver = await filled();
  const ending = new AbortController();
  const server = open(driver, ending.signal);
  ending.abort();
  await server.remove();
  await assert.rejects(server.removal.settle(repository));
  assert.deepEqual(await namesIn(driver), [...onGone, ...onKept].toSorted());
  const next = open(driver);
  await next.assertGone();
  await next.removal.manifest(repository, digestOf(kept, 'sha256'));
  await next.removal.settle(repository);
  assert.deepEqual(await namesIn(driver), []);
});

/** A store in which another kind of server left many tags, as far as `open` says so. */
async function filled(): Promise<StorageDriver> {
  const driver = createMemoryDriver();
  for (const [bytes, tags] of [
    [gone, onGone],
    [kept, onKept],
  ] as const) {
    const digest = digestOf(bytes, 'sha256');
    await driver.write(layout.blobData(digest), bytes);
    await driver.write(layout.revisionLink(repository, digest), layout.linkContent(digest));
    for (const tag of tags) {
      await driver.write(layout.tagIndexLink(repository, tag, digest), layout.linkContent(digest));
      await driver.write(layout.tagCurrentLink(repository, tag), layout.linkContent(digest));
    }
  }
  return driver;
}

/** A server of its own on the store. */
function open(driver: StorageDriver, signal?: AbortSignal) {
  let looks = 0;
  const counted: StorageDriver = {
    ...driver,
    read: (key) => {
      if (key.endsWith('/current/link')) looks += 1;
      return driver.read(key);
    },
  };
  const locks = createLocks();
  const deleted = createDeletedManifests(counted);
  const tags = createTags(counted, deleted, { concurrentReads: 2, few: 2 });
  const stored = createStoredManifests(counted, createContent(counted), tags);
  const referrers = createReferrers({ driver: counted, manifests: stored });
  const isHeld = createHeldContent({ stored, tags });
  const removal = createManifestRemoval({ stored, tags, deleted, referrers, isHeld, locks, signal });
  const rules = { check: async () => undefined };
  const manifests = createManifests({ stored, tags, deleted, referrers, rules, removal, locks });

  async function find(reference: Parameters<typeof manifests.get>[1]): Promise<Digest | undefined> {
    return manifests.get(repository, reference).then(
      ({ digest }) => digest,
      () => undefined,
    );
  }

  /** The tags on the list. Each of them leads to a manifest. */
  async function visible(): Promise<readonly Tag[]> {
    const { tags: listed } = await tags.page(repository);
    for (const tag of listed) assert.notEqual(await find({ kind: 'tag', tag }), undefined, tag);
    return listed;
  }

  return {
    driver,
    tags,
    removal,
    manifests,
    visible,
    looks: () => looks,
    has: () => stored.has(repository, goneDigest),
    remove: () => manifests.remove(repository, { kind: 'digest', digest: goneDigest }),
    async push(bytes: Buffer, ...names: readonly string[]) {
      for (const tag of names.map(parseTag)) {
        await manifests.put(repository, { reference: { kind: 'tag', tag }, bytes });
      }
    },
    async assertGone() {
      assert.equal(await find({ kind: 'digest', digest: goneDigest }), undefined);
      for (const tag of onGone) assert.equal(await find({ kind: 'tag', tag }), undefined, tag);
      const listed = await visible();
      assert.deepEqual(
        listed.filter((tag) => onGone.includes(tag)),
        [],
      );
    },
  };
}

/** The names in the tag directory, whatever they point to. */
async function namesIn(driver: StorageDriver): Promise<readonly string[]> {
  return (await driver.list(layout.tags(repository))).map(({ name }) => name);
}
