// distribution-spec end-1, and what else says that there is a registry here.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, jsonOf } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';

for (const path of ['/v2/', '/v2']) {
  test(`GET ${path} answers 200 with an empty JSON object and no redirect`, async (t) => {
    const { http } = await openRegistry(t);
    const answer = await http.get(path).expect(200);
    assert.deepEqual(jsonOf(answer), {});
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.equal(answer.headers['content-length'], '2');
  });

  test(`HEAD ${path} answers 200 without a body`, async (t) => {
    const { http } = await openRegistry(t);
    const answer = await http.head(path).expect(200);
    assert.equal(answer.headers['content-length'], '2');
  });
}

const anyAnswers = ['/v2/', '/v2/app/tags/list', '/v2/app/manifests/none', '/v2/_catalog', '/nothing/here'];
for (const path of anyAnswers) {
  test(`the answer to ${path} says that this is a registry, under which id it is logged, and not to sniff`, async (t) => {
    const { http, logLines } = await openRegistry(t);
    const { headers } = await http.get(path);
    assert.equal(headers['docker-distribution-api-version'], 'registry/2.0');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.match(headers['x-request-id'] ?? '', /^[0-9a-f-]{36}$/);
    assert.ok(logLines.some((line) => line.includes(headers['x-request-id'] ?? 'none')));
  });
}

test('no answer tells what the server is made of', async (t) => {
  const { http } = await openRegistry(t);
  for (const path of ['/', '/v2/', '/nothing']) {
    const { headers } = await http.get(path);
    assert.equal(headers['server'], undefined);
    assert.equal(headers['x-powered-by'], undefined);
  }
});

test('no answer gives pages of other origins a right', async (t) => {
  const { http } = await openRegistry(t);
  for (const method of ['get', 'options'] as const) {
    const { headers } = await http[method]('/v2/').set('Origin', 'https://evil.test');
    assert.equal(headers['access-control-allow-origin'], undefined);
    assert.equal(headers['access-control-allow-credentials'], undefined);
  }
});

test('the root answers load balancers with 200, nothing, and no caching', async (t) => {
  const { http } = await openRegistry(t);
  const answer = await http.get('/').expect(200);
  assert.equal(answer.headers['content-length'], '0');
  assert.equal(answer.headers['cache-control'], 'no-cache');
});

for (const path of ['/v2/_oci/ext/discover', '/v2/some/app/_oci/ext/discover']) {
  test(`${path} says that there are no extensions`, async (t) => {
    const { http } = await openRegistry(t);
    assert.deepEqual(jsonOf(await http.get(path).expect(200)), { extensions: [] });
  });
}

for (const method of ['post', 'put', 'patch', 'delete', 'options'] as const) {
  test(`${method.toUpperCase()} /v2/ is refused with 405 and the methods that are offered`, async (t) => {
    const { http } = await openRegistry(t);
    const answer = await http[method]('/v2/');
    assertRefused(answer, 405, 'UNSUPPORTED');
    assert.equal(answer.headers['allow'], 'GET, HEAD');
  });
}

test('a method that an endpoint lacks is refused with 405 and the ones it has', async (t) => {
  const { http } = await openRegistry(t);
  const manifest = await http.post('/v2/app/manifests/latest');
  assertRefused(manifest, 405, 'UNSUPPORTED');
  assert.equal(manifest.headers['allow'], 'DELETE, GET, HEAD, PUT');
  const session = await http.post('/v2/app/blobs/uploads/0d1c9e5c-6b0b-4b3f-9f43-1d7f0f9d6a11');
  assertRefused(session, 405, 'UNSUPPORTED');
  assert.equal(session.headers['allow'], 'DELETE, GET, HEAD, PATCH, PUT');
});

test('a method that a client asks for in a header or a parameter is not used', async (t) => {
  const { http } = await openRegistry(t);
  await http.post('/v2/app/blobs/uploads/').expect(202);
  const answer = await http.get('/v2/?_method=DELETE').set('X-HTTP-Method-Override', 'DELETE').expect(200);
  assert.deepEqual(jsonOf(answer), {});
});

for (const path of [
  '/metrics',
  '/debug/pprof',
  '/debug/health',
  '/health',
  '/.env',
  '/.git/config',
  '/v3/',
  '/V2/',
]) {
  test(`there is nothing at ${path}`, async (t) => {
    const { http } = await openRegistry(t);
    assertRefused(await http.get(path), 404, 'UNSUPPORTED');
  });
}

test('configured headers are on every answer of the API and not on the root', async (t) => {
  const settings = { http: { headers: { 'X-Operator': ['one', 'two'] } } };
  const { http } = await openRegistry(t, { settings });
  assert.equal((await http.get('/v2/')).headers['x-operator'], 'one, two');
  assert.equal((await http.get('/v2/app/manifests/none')).headers['x-operator'], 'one, two');
  assert.equal((await http.get('/')).headers['x-operator'], undefined);
});
