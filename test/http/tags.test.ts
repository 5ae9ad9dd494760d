// distribution-spec end-8.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, headerOf, jsonOf } from '../support/answers.ts';
import { type Http, openRegistry, type TestRegistryOptions } from '../support/app.ts';
import { pushBlob, pushImage, pushManifest } from '../support/content.ts';

const tags = ['0', '1.0', 'A', 'Z', '_x', 'a', 'a-b', 'a.b', 'latest', 'z'];

async function openWithTags(t: Parameters<typeof openRegistry>[0], options?: TestRegistryOptions) {
  const registry = await openRegistry(t, options);
  const { bytes } = await pushImage(registry.http, 'some/app', 'digest');
  for (const tag of tags.toReversed()) await pushManifest(registry.http, 'some/app', tag, bytes);
  return registry;
}

async function page(http: Http, query: string) {
  const answer = await http.get(`/v2/some/app/tags/list${query}`).expect(200);
  const { name, tags: listed } = jsonOf(answer);
  assert.equal(name, 'some/app');
  return { listed, link: answer.headers['link'] as string | undefined };
}

test('all tags are listed in bytewise order, without a Link', async (t) => {
  const { http } = await openWithTags(t);
  const answer = await http.get('/v2/some/app/tags/list').expect(200);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.deepEqual(jsonOf(answer), { name: 'some/app', tags });
  assert.equal(answer.headers['link'], undefined);
});

test('n cuts the list and a Link of path and query alone leads on', async (t) => {
  const { http } = await openWithTags(t);
  const { listed, link } = await page(http, '?n=3');
  assert.deepEqual(listed, tags.slice(0, 3));
  assert.equal(link, '</v2/some/app/tags/list?last=A&n=3>; rel="next"');
});

for (const size of [1, 2, 3, 9, 10, 11]) {
  test(`pages of ${size} that follow their Links give every tag once`, async (t) => {
    const { http } = await openWithTags(t);
    const seen: unknown[] = [];
    let next: string | undefined = `/v2/some/app/tags/list?n=${size}`;
    while (next !== undefined) {
      const answer: Awaited<ReturnType<Http['get']>> = await http.get(next).expect(200);
      const { tags: listed } = jsonOf(answer);
      assert.ok(Array.isArray(listed) && listed.length > 0 && listed.length <= size);
      seen.push(...listed);
      assert.ok(seen.length <= tags.length, 'the pages go round');
      next = answer.headers['link'] && /^<([^>]+)>; rel="next"$/.exec(headerOf(answer, 'Link'))?.[1];
    }
    assert.deepEqual(seen, tags);
  });
}

test('n=0 gives an empty list and no Link', async (t) => {
  const { http } = await openWithTags(t);
  assert.deepEqual(await page(http, '?n=0'), { listed: [], link: undefined });
});

test('last leaves out everything up to it, exists or not, with n or without', async (t) => {
  const { http } = await openWithTags(t);
  assert.deepEqual(await page(http, '?last=a'), { listed: tags.slice(6), link: undefined });
  assert.deepEqual(await page(http, '?last=a&n=100'), { listed: tags.slice(6), link: undefined });
  assert.deepEqual((await page(http, '?last=a0000&n=1')).listed, ['latest']);
  assert.deepEqual(await page(http, '?last=zzz'), { listed: [], link: undefined });
  assert.deepEqual((await page(http, '?last=')).listed, tags);
});

test('a list can be gone on with after its last tag was deleted', async (t) => {
  const { http } = await openWithTags(t);
  await http.delete('/v2/some/app/manifests/A').expect(202);
  assert.deepEqual((await page(http, '?n=2&last=A')).listed, ['Z', '_x']);
});

for (const n of ['-1', 'abc', '1.5', '1e3', '0x10', '', '+1', '123456789012345678901']) {
  test(`n=${n} is no number of entries: 400`, async (t) => {
    const { http } = await openWithTags(t);
    const answer = await http.get('/v2/some/app/tags/list').query({ n });
    assertRefused(answer, 400, 'PAGINATION_NUMBER_INVALID');
  });
}

test('n beyond all bounds gives what there is', async (t) => {
  const { http } = await openWithTags(t);
  for (const n of ['2147483647', '18446744073709551616']) {
    assert.deepEqual(await page(http, `?n=${n}`), { listed: tags, link: undefined });
  }
});

test('a page is cut at the configured number of tags, and leads on', async (t) => {
  const { http } = await openWithTags(t, { settings: { tags: { maxtags: 4 } } });
  const { listed, link } = await page(http, '?n=1000');
  assert.deepEqual(listed, tags.slice(0, 4));
  assert.equal(link, '</v2/some/app/tags/list?last=Z&n=4>; rel="next"');
});

test('a parameter that is there twice is refused', async (t) => {
  const { http } = await openWithTags(t);
  assertRefused(await http.get('/v2/some/app/tags/list?n=1&n=2'), 400);
  assertRefused(await http.get('/v2/some/app/tags/list?last=a&last=b'), 400);
});

test('a repository that nobody knows is NAME_UNKNOWN, whatever is asked of it', async (t) => {
  const { http } = await openWithTags(t);
  for (const name of ['some', 'some/app/inner', 'other']) {
    assertRefused(await http.get(`/v2/${name}/tags/list`), 404, 'NAME_UNKNOWN');
    assertRefused(await http.get(`/v2/${name}/tags/list?n=0`), 404, 'NAME_UNKNOWN');
  }
});

test('a repository without tags has an empty list, not null and not 404', async (t) => {
  const { http } = await openRegistry(t);
  await pushImage(http, 'untagged', 'digest');
  await pushBlob(http, 'blobs/only', 'a blob');
  for (const name of ['untagged', 'blobs/only']) {
    assert.deepEqual(jsonOf(await http.get(`/v2/${name}/tags/list`).expect(200)), { name, tags: [] });
  }
});

test('the list stays when the last tag goes', async (t) => {
  const { http } = await openRegistry(t);
  await pushImage(http, 'app', 'only');
  await http.delete('/v2/app/manifests/only').expect(202);
  assert.deepEqual(jsonOf(await http.get('/v2/app/tags/list').expect(200)), { name: 'app', tags: [] });
});

test('names that no tag can have, as others may leave them in the store, are not listed', async (t) => {
  const { http, driver } = await openRegistry(t);
  await pushImage(http, 'app', 'good');
  const left = 'docker/registry/v2/repositories/app/_manifests/tags';
  for (const name of ['-bad', 'a'.repeat(129)]) {
    await driver.write(`${left}/${name}/current/link`, Buffer.from('sha256:'));
  }
  await driver.write(`${left}/a-file`, Buffer.from('?'));
  assert.deepEqual(jsonOf(await http.get('/v2/app/tags/list').expect(200))['tags'], ['good']);
});

test('a tag that points nowhere, as a crash leaves it, is not listed and makes no page shorter', async (t) => {
  const { http, driver } = await openRegistry(t);
  const { bytes } = await pushImage(http, 'app', 'd');
  await pushManifest(http, 'app', 'e', bytes);
  const left = 'docker/registry/v2/repositories/app/_manifests/tags';
  await driver.write(`${left}/a/current/link`, Buffer.alloc(0));
  await driver.write(`${left}/b/index/sha256/x/link`, Buffer.from('sha256:'));
  for (const tag of ['a', 'b'])
    assertRefused(await http.get(`/v2/app/manifests/${tag}`), 404, 'MANIFEST_UNKNOWN');
  assert.deepEqual(jsonOf(await http.get('/v2/app/tags/list').expect(200))['tags'], ['d', 'e']);
  const page = await http.get('/v2/app/tags/list?n=1').expect(200);
  assert.deepEqual(jsonOf(page)['tags'], ['d']);
  assert.equal(page.headers['link'], '</v2/app/tags/list?last=d&n=1>; rel="next"');
});

test('names that no tag can have do not end a list that is read in pages', async (t) => {
  const { http, driver } = await openRegistry(t);
  const { bytes } = await pushImage(http, 'app', 'a');
  for (const tag of ['b', 'c']) await pushManifest(http, 'app', tag, bytes);
  const left = 'docker/registry/v2/repositories/app/_manifests/tags';
  for (const name of ['-1', '-2', '-3']) {
    await driver.write(`${left}/${name}/current/link`, Buffer.from('sha256:'));
  }
  const first = await http.get('/v2/app/tags/list?n=2').expect(200);
  assert.deepEqual(jsonOf(first)['tags'], ['a', 'b']);
  assert.equal(first.headers['link'], '</v2/app/tags/list?last=b&n=2>; rel="next"');
});
