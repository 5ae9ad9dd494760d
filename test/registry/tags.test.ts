// Lists of tags: that one points somewhere is looked at once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDeletedManifests } from '../../src/registry/deleted-manifests.ts';
import { digestOf } from '../../src/registry/digest.ts';
import { tagCurrentLink } from '../../src/registry/layout.ts';
import { parseRepositoryName } from '../../src/registry/name.ts';
import { parseTag } from '../../src/registry/reference.ts';
import { createTags } from '../../src/registry/tags.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';

const repository = parseRepositoryName('app');
const digest = digestOf(Buffer.from('a manifest'), 'sha256');

test('the whole of a long list is read again without a look at each tag', async () => {
  const inner = createMemoryDriver();
  let looks = 0;
  const driver: typeof inner = {
    ...inner,
    stat: (key) => {
      looks += 1;
      return inner.stat(key);
    },
  };
  const tags = createTags(driver, createDeletedManifests(driver), { concurrentReads: 8 });
  // More than are remembered of small repositories in all.
  const names = Array.from({ length: 25_000 }, (_, number) =>
    parseTag(`t${String(number).padStart(5, '0')}`),
  );
  for (const tag of names) await inner.write(tagCurrentLink(repository, tag), Buffer.from(digest));
  assert.deepEqual((await tags.page(repository)).tags, names);
  assert.equal(looks, names.length);
  const [first = parseTag('t')] = names;
  await tags.remove(repository, first);
  await tags.point(repository, parseTag('new'), digest);
  looks = 0;
  assert.deepEqual((await tags.page(repository)).tags, ['new', ...names.slice(1)].sort());
  assert.equal(looks, 1);
  await inner.write(tagCurrentLink(repository, first), Buffer.alloc(0));
  assert.deepEqual(
    (await tags.page(repository)).tags,
    ['new', ...names.slice(1)].sort(),
    'it is another tag',
  );
});
