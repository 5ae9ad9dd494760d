// From where a blob may be taken over (distribution-spec end-11): only from a repository that may be read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBlobs } from '../../src/registry/blobs.ts';
import { createCatalog } from '../../src/registry/catalog.ts';
import { createContent } from '../../src/registry/content.ts';
import { parseDigest } from '../../src/registry/digest.ts';
import { layerLink, linkContent } from '../../src/registry/layout.ts';
import { createLocks } from '../../src/registry/locks.ts';
import { parseRepositoryName, type RepositoryName } from '../../src/registry/name.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { blobOf } from '../support/content.ts';

const { bytes, digest: text } = blobOf('shared');
const digest = parseDigest(text);
const absent = parseDigest(blobOf('never seen').digest);
const target = parseRepositoryName('target');
const hidden = parseRepositoryName('hidden');
const open = parseRepositoryName('open');
const mayRead = (source: RepositoryName) => source !== hidden;

/** Blobs of a registry in which these repositories have the digest, and which of them were asked for it. */
async function blobsOf(...owners: readonly RepositoryName[]) {
  const driver = createMemoryDriver();
  const content = createContent(driver);
  await content.put(digest, bytes);
  for (const owner of owners) await driver.write(layerLink(owner, digest), linkContent(digest));
  const asked: string[] = [];
  const watched = {
    ...driver,
    read: (key: string) => {
      asked.push(key);
      return driver.read(key);
    },
  };
  const catalog = createCatalog(driver);
  return { asked, blobs: createBlobs({ driver: watched, content, catalog, locks: createLocks() }) };
}

test('without a source only readable repositories are searched, and no other is asked', async () => {
  const { blobs, asked } = await blobsOf(hidden);
  assert.equal(await blobs.mount(target, digest, undefined, mayRead), false);
  assert.equal(await blobs.find(target, digest), undefined);
  assert.ok(!asked.includes(layerLink(hidden, digest)), 'the hidden repository was asked');
});

test('without a source a blob is found in a readable repository behind one that is not', async () => {
  const { blobs } = await blobsOf(hidden, open);
  assert.equal(await blobs.mount(target, digest, undefined, mayRead), true);
  assert.deepEqual(await blobs.find(target, digest), { size: bytes.length });
});

test('a source that may not be read is as good as one that does not have the blob', async () => {
  const { blobs, asked } = await blobsOf(hidden);
  assert.equal(await blobs.mount(target, digest, hidden, mayRead), false);
  assert.equal(await blobs.mount(target, absent, hidden, mayRead), false);
  assert.equal(await blobs.find(target, digest), undefined);
  assert.ok(!asked.includes(layerLink(hidden, digest)));
  assert.equal(await blobs.mount(target, digest, open, mayRead), false);
});

test('who may push and not pull learns nothing of the blobs of the target by mounting', async () => {
  const { blobs } = await blobsOf(target);
  assert.equal(await blobs.mount(target, digest, undefined, () => false), false);
  assert.equal(await blobs.mount(target, digest, target, () => false), false);
});

test('without a word on what may be read everything may', async () => {
  const { blobs } = await blobsOf(hidden);
  assert.equal(await blobs.mount(target, digest, undefined), true);
  assert.equal(await blobs.mount(open, digest, hidden), true);
});
