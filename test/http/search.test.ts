// What docker search and podman search ask for (docker registry API v1, "Search").
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, jsonOf } from '../support/answers.ts';
import { type Http, openRegistry } from '../support/app.ts';
import { pushBlob } from '../support/content.ts';

async function namesFor(http: Http, query: object): Promise<unknown[]> {
  const { num_results, results } = jsonOf(await http.get('/v1/search').query(query).expect(200));
  assert.ok(Array.isArray(results));
  assert.equal(num_results, results.length);
  return results.map(({ name }: { name: unknown }) => name);
}

test('the first version of the API answers to a ping', async (t) => {
  const { http } = await openRegistry(t);
  assert.deepEqual(jsonOf(await http.get('/v1/_ping').expect(200)), {});
});

test('a search answers in the form that docker reads', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'library/redis', 'content');
  const answer = await http.get('/v1/search?q=redis').set('X-Docker-Token', 'true').expect(200);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.deepEqual(jsonOf(answer), {
    num_results: 1,
    query: 'redis',
    results: [
      { name: 'library/redis', description: '', star_count: 0, is_official: false, is_automated: false },
    ],
  });
});

test('the best match comes first: the name, its last part, what begins with the term, what contains it', async (t) => {
  const { http } = await openRegistry(t);
  const ranked = ['app', 'some/app', 'app-server', 'x/app2', 'my-app', 'longer/my-app'];
  for (const name of ranked.toReversed()) await pushBlob(http, name, 'content');
  await pushBlob(http, 'other', 'content');
  assert.deepEqual(await namesFor(http, { q: 'app' }), ranked);
  assert.deepEqual(await namesFor(http, { q: 'APP' }), ranked);
  assert.deepEqual(await namesFor(http, { q: 'app', n: 2 }), ranked.slice(0, 2));
});

test('a search without a term lists repositories, 25 unless the client says how many, never more than 100', async (t) => {
  const { http } = await openRegistry(t);
  for (let number = 0; number < 120; number += 1) await pushBlob(http, `app${number}`, 'content');
  assert.equal((await namesFor(http, {})).length, 25);
  assert.equal((await namesFor(http, { q: '' })).length, 25);
  assert.equal((await namesFor(http, { n: 0 })).length, 25);
  assert.equal((await namesFor(http, { n: 60 })).length, 60);
  assert.equal((await namesFor(http, { n: 100_000 })).length, 100);
});

test('a term is text and nothing else', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', 'content');
  for (const q of ['*', '.*', 'a.p', '%', "' or 1=1", '../', '(((((', '\r\nX-Evil: 1', '__proto__']) {
    assert.deepEqual(await namesFor(http, { q }), [], q);
  }
});

test('a number of results that is none is refused', async (t) => {
  const { http } = await openRegistry(t);
  assertRefused(await http.get('/v1/search?n=-1'), 400, 'PAGINATION_NUMBER_INVALID');
});
