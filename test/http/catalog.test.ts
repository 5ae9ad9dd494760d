// The list of repositories (docker registry API, "Listing Repositories").
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, headerOf, jsonOf } from '../support/answers.ts';
import { type Http, openRegistry, type TestRegistryOptions } from '../support/app.ts';
import { pushBlob } from '../support/content.ts';

/** By component, as they are listed. */
const names = ['a', 'a/b', 'a/b/c', 'a-b', 'a.b', 'app', 'app/x', 'b/c', 'tags/list', 'x__y', 'z'];

async function openWithNames(t: Parameters<typeof openRegistry>[0], options?: TestRegistryOptions) {
  const registry = await openRegistry(t, options);
  for (const name of names.toReversed()) await pushBlob(registry.http, name, 'shared');
  return registry;
}

async function follow(http: Http, start: string): Promise<unknown[]> {
  const seen: unknown[] = [];
  let next: string | undefined = start;
  while (next !== undefined) {
    const answer: Awaited<ReturnType<Http['get']>> = await http.get(next).expect(200);
    const { repositories } = jsonOf(answer);
    assert.ok(Array.isArray(repositories));
    seen.push(...repositories);
    assert.ok(seen.length <= names.length, 'the pages go round');
    next = answer.headers['link'] && /^<(\/[^>]+)>; rel="next"$/.exec(headerOf(answer, 'Link'))?.[1];
  }
  return seen;
}

test('an empty registry has an empty catalog', async (t) => {
  const { http } = await openRegistry(t);
  const answer = await http.get('/v2/_catalog').expect(200);
  assert.equal(String(answer.body), '{"repositories":[]}');
  assert.equal(answer.headers['content-type'], 'application/json');
});

test('the catalog has every repository once, without a Link where all fit', async (t) => {
  const { http } = await openWithNames(t);
  const answer = await http.get('/v2/_catalog').expect(200);
  assert.deepEqual(jsonOf(answer), { repositories: names });
  assert.equal(answer.headers['link'], undefined);
});

for (const size of [1, 2, 3, 5, 10, 11]) {
  test(`pages of ${size} that follow their Links give every repository once`, async (t) => {
    const { http } = await openWithNames(t);
    assert.deepEqual(await follow(http, `/v2/_catalog?n=${size}`), names);
  });
}

test('the name that a page goes on after is percent-encoded in the Link', async (t) => {
  const { http } = await openWithNames(t);
  const { headers } = await http.get('/v2/_catalog?n=2').expect(200);
  assert.equal(headers['link'], '</v2/_catalog?last=a%2Fb&n=2>; rel="next"');
});

test('a page goes on after names that do not exist too', async (t) => {
  const { http } = await openWithNames(t);
  const after = async (last: string) =>
    jsonOf(await http.get('/v2/_catalog').query({ last }).expect(200))['repositories'];
  assert.deepEqual(await after('a/a'), names.slice(1));
  assert.deepEqual(await after('app/x/y/z'), names.slice(7));
  assert.deepEqual(await after('zzz'), []);
  assert.deepEqual(await after('../../etc'), names);
  assert.deepEqual(await after('~'), []);
});

test('n=0 gives an empty list and no Link; n beyond all bounds gives what there is', async (t) => {
  const { http } = await openWithNames(t);
  const none = await http.get('/v2/_catalog?n=0').expect(200);
  assert.deepEqual(jsonOf(none), { repositories: [] });
  assert.equal(none.headers['link'], undefined);
  for (const n of ['2147483647', '18446744073709551616']) {
    assert.deepEqual(jsonOf(await http.get(`/v2/_catalog?n=${n}`).expect(200)), { repositories: names });
  }
});

for (const n of ['-1', 'abc', '1e3', '']) {
  test(`n=${n} is no number of entries: 400`, async (t) => {
    const { http } = await openRegistry(t);
    assertRefused(await http.get('/v2/_catalog').query({ n }), 400, 'PAGINATION_NUMBER_INVALID');
  });
}

test('a page is cut at the configured number of entries, asked for or not', async (t) => {
  const { http } = await openWithNames(t, { settings: { catalog: { maxentries: 3 } } });
  for (const path of ['/v2/_catalog', '/v2/_catalog?n=1000']) {
    const answer = await http.get(path).expect(200);
    assert.deepEqual(jsonOf(answer), { repositories: names.slice(0, 3) });
    assert.equal(answer.headers['link'], '</v2/_catalog?last=a%2Fb%2Fc&n=3>; rel="next"');
    assert.deepEqual(await follow(http, path), names);
  }
});

test('a repository that lost its last content leaves the catalog', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'app', 'only');
  await http.delete(`/v2/app/blobs/${digest}`).expect(202);
  assert.deepEqual(jsonOf(await http.get('/v2/_catalog').expect(200)), { repositories: [] });
  assertRefused(await http.get('/v2/app/tags/list'), 404, 'NAME_UNKNOWN');
});

test('the catalog cannot be written to', async (t) => {
  const { http } = await openRegistry(t);
  for (const method of ['post', 'put', 'delete'] as const) {
    assertRefused(await http[method]('/v2/_catalog'), 405, 'UNSUPPORTED');
  }
});
