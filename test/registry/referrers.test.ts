// Long lists of referrers: noted ones and those of a client's own list, in pages.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { type Digest, parseDigest } from '../../src/registry/digest.ts';
import { referrer } from '../../src/registry/layout.ts';
import type { Manifest } from '../../src/registry/manifest.ts';
import { parseRepositoryName } from '../../src/registry/name.ts';
import { createReferrers, type Referrers } from '../../src/registry/referrers.ts';
import type { StoredManifest } from '../../src/registry/stored-manifests.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';

const repository = parseRepositoryName('app');
const subject = digestOf('sha256', 'subject');
const noted = [
  ...Array.from({ length: 2400 }, (_, number) => digestOf('sha256', `noted ${number}`)),
  ...Array.from({ length: 300 }, (_, number) => digestOf('sha512', `noted ${number}`)),
];
const tagged = [
  ...noted.filter((_, index) => index % 50 === 0),
  ...Array.from({ length: 80 }, (_, number) => digestOf('sha256', `tagged ${number}`)),
  ...Array.from({ length: 40 }, (_, number) => digestOf('sha512', `tagged ${number}`)),
];
const all = [...new Set([...noted, ...tagged])].sort();

test('pages of noted and tagged referrers, put together, have each once and in order', async () => {
  const { referrers } = await openReferrers();
  for (const size of [97, 128, 1000, 5000]) assert.deepEqual(await pageThrough(referrers, size), all);
  assert.deepEqual(digestsIn(await referrers.page(repository, subject, { artifactTypes: [] })), all);
});

test('a page goes on after any text, whether it is a digest or not', async () => {
  const { referrers } = await openReferrers();
  const last = all.at(-1) ?? '';
  for (const after of ['a', 'sha256', 'sha256:', 'sha256:8', 'sha256;', 'sha384:0', 'sha512:f', last, 'z']) {
    const page = await referrers.page(repository, subject, { artifactTypes: [], after, limit: 7 });
    const expected = all.filter((digest) => digest > after);
    assert.deepEqual(digestsIn(page), expected.slice(0, 7), after);
    assert.equal(page.more, expected.length > 7, after);
  }
});

test('the cost of a page is that of its entries, wherever it begins', async () => {
  const { referrers, costs } = await openReferrers();
  for (const after of [undefined, all[1300] ?? '', all.at(-20) ?? '']) {
    costs.reset();
    await referrers.page(repository, subject, {
      artifactTypes: [],
      limit: 10,
      ...(after !== undefined && { after }),
    });
    assert.ok(costs.listed() <= 1000, `${costs.listed()} names were listed`);
    assert.ok(costs.read() <= 11, `${costs.read()} notes were read`);
  }
});

test('referrers that come and go between pages push none off that stays', async () => {
  const { referrers } = await openReferrers();
  const found: Digest[] = [];
  for (let round = 0, after: Digest | undefined; ; round += 1) {
    const page = await referrers.page(repository, subject, {
      artifactTypes: [],
      limit: 90,
      ...(after && { after }),
    });
    found.push(...digestsIn(page));
    if (!page.more) break;
    after = found.at(-1);
    await referrers.add(repository, subject, entry(digestOf('sha256', `fleeting ${round}`)));
    await referrers.remove(repository, subject, digestOf('sha256', `fleeting ${round - 3}`));
  }
  const stays = new Set<string>(all);
  assert.deepEqual(
    found.filter((digest) => stays.has(digest)),
    all,
  );
});

async function openReferrers() {
  const inner = createMemoryDriver();
  let [listed, read] = [0, 0];
  const driver: typeof inner = {
    ...inner,
    async list(prefix, options) {
      const entries = await inner.list(prefix, options);
      listed += entries.length;
      return entries;
    },
    read: (key) => {
      read += 1;
      return inner.read(key);
    },
  };
  const stored = (digest: Digest, manifest: Partial<Manifest>): StoredManifest => ({
    digest,
    mediaType: 'text/manifest',
    bytes: Buffer.from('{}'),
    manifest: { mediaType: 'text/manifest', blobs: [], foreignLayers: [], children: [], ...manifest },
  });
  const children = tagged.map((digest) => ({ mediaType: 'text/manifest', digest, size: 2 }));
  const referrers = createReferrers({
    driver,
    manifests: {
      find: async (_, digest) =>
        stored(digest, { subject: { mediaType: 'text/x', digest: subject, size: 1 } }),
      findTagged: async () => stored(subject, { children }),
      has: async () => true,
    },
  });
  for (const digest of noted) await inner.write(referrer(repository, subject, digest), noteOf(digest));
  const costs = {
    reset: () => {
      [listed, read] = [0, 0];
    },
    listed: () => listed,
    read: () => read,
  };
  return { referrers, costs };
}

async function pageThrough(referrers: Referrers, limit: number): Promise<Digest[]> {
  const found: Digest[] = [];
  for (let after: Digest | undefined; ; after = found.at(-1)) {
    const page = await referrers.page(repository, subject, {
      artifactTypes: [],
      limit,
      ...(after && { after }),
    });
    found.push(...digestsIn(page));
    assert.ok(found.length <= all.length, 'the pages go round');
    if (!page.more) return found;
    assert.equal(page.referrers.length, limit);
  }
}

function digestsIn({ referrers }: { readonly referrers: readonly { readonly digest: Digest }[] }): Digest[] {
  return referrers.map(({ digest }) => digest);
}

function entry(digest: Digest) {
  return { mediaType: 'text/manifest', digest, size: 2 };
}

function noteOf(digest: Digest): Uint8Array {
  const { mediaType, size } = entry(digest);
  return Buffer.from(JSON.stringify({ mediaType, size }));
}

function digestOf(algorithm: 'sha256' | 'sha512', word: string): Digest {
  return parseDigest(`${algorithm}:${createHash(algorithm).update(word).digest('hex')}`);
}
