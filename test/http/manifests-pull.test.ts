// distribution-spec end-3.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, bytesOf } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import { algorithms, blobOf, pushBlob, pushImage } from '../support/content.ts';
import { send } from '../support/raw-http.ts';
import { mediaTypes } from '../support/sample-image.ts';

for (const algorithm of algorithms) {
  test(`a manifest pushed by its ${algorithm} digest is pulled by it, with no tag anywhere`, async (t) => {
    const { http } = await openRegistry(t);
    const { digest, bytes } = await pushImage(http, 'some/app', 'digest', { algorithm });
    const answer = await http.get(`/v2/some/app/manifests/${digest}`).expect(200);
    assert.ok(bytes.equals(bytesOf(answer)));
    assert.equal(answer.headers['content-type'], mediaTypes.manifest);
    assert.equal(answer.headers['content-length'], String(bytes.length));
    assert.equal(answer.headers['docker-content-digest'], digest);
    assert.equal(answer.headers['etag'], `"${digest}"`);
    assert.match(answer.headers['cache-control'] ?? '', /private.*max-age/);
  });

  test(`HEAD by a ${algorithm} digest has the headers of GET and no body`, async (t) => {
    const { http, port } = await openRegistry(t);
    const { digest, bytes } = await pushImage(http, 'app', 'digest', { algorithm });
    const answer = await send(port, `HEAD /v2/app/manifests/${digest}`);
    assert.equal(answer.status, 200);
    assert.equal(answer.body.length, 0);
    assert.equal(answer.headers['content-type'], mediaTypes.manifest);
    assert.equal(answer.headers['content-length'], String(bytes.length));
    assert.equal(answer.headers['docker-content-digest'], digest);
  });

  test(`a manifest that is not there is MANIFEST_UNKNOWN by its ${algorithm} digest`, async (t) => {
    const { http } = await openRegistry(t);
    await pushImage(http, 'app', 'latest');
    const { digest } = blobOf('never pushed', algorithm);
    for (const repository of ['app', 'no/such']) {
      const answer = await http.get(`/v2/${repository}/manifests/${digest}`);
      assertRefused(answer, 404, 'MANIFEST_UNKNOWN');
      assert.equal(answer.headers['etag'], undefined);
      await http.head(`/v2/${repository}/manifests/${digest}`).expect(404);
    }
  });
}

test('a manifest is pulled by its tag, which is not cached', async (t) => {
  const { http } = await openRegistry(t);
  const { digest, bytes } = await pushImage(http, 'app', 'v1.0');
  const answer = await http.get('/v2/app/manifests/v1.0').expect(200);
  assert.ok(bytes.equals(bytesOf(answer)));
  assert.equal(answer.headers['docker-content-digest'], digest);
  assert.equal(answer.headers['cache-control'], 'no-cache');
  await http.get(`/v2/app/manifests/${digest}`).expect(200);
});

test('a tag that does not exist is MANIFEST_UNKNOWN, in a repository and in none', async (t) => {
  const { http } = await openRegistry(t);
  await pushImage(http, 'app', 'latest');
  assertRefused(await http.get('/v2/app/manifests/older'), 404, 'MANIFEST_UNKNOWN');
  assertRefused(await http.get('/v2/no/such/manifests/latest'), 404, 'MANIFEST_UNKNOWN');
});

test('a tag of an illegal form is one that does not exist', async (t) => {
  const { http } = await openRegistry(t);
  for (const tag of ['.hidden', '-dash', 'a'.repeat(129), 'tag%20space', '%C3%BC', 'a+b']) {
    assertRefused(await http.get(`/v2/app/manifests/${tag}`), 404, 'MANIFEST_UNKNOWN');
  }
});

const acceptHeaders: Readonly<Record<string, string | undefined>> = {
  'no Accept at all': undefined,
  'any type': '*/*',
  'its own type': mediaTypes.manifest,
  "docker's types only": mediaTypes.dockerManifest,
  'a web page': 'text/html',
  nonsense: ';;;,,,/',
};
for (const [what, accept] of Object.entries(acceptHeaders)) {
  test(`the stored manifest is served to a client that accepts ${what}`, async (t) => {
    const { http, port } = await openRegistry(t);
    const { bytes } = await pushImage(http, 'app', 'latest');
    const headers = accept === undefined ? [] : [`Accept: ${accept}`];
    const answer = await send(port, 'GET /v2/app/manifests/latest', headers);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], mediaTypes.manifest);
    assert.ok(bytes.equals(answer.body));
  });
}

test('six Accept lines are as good as one', async (t) => {
  const { http, port } = await openRegistry(t);
  await pushImage(http, 'app', 'latest');
  const lines = Object.values(mediaTypes).map((type) => `Accept: ${type}`);
  assert.equal((await send(port, 'GET /v2/app/manifests/latest', lines)).status, 200);
});

test('a client that has the manifest and says so is told 304', async (t) => {
  const { http } = await openRegistry(t);
  const { digest } = await pushImage(http, 'app', 'latest');
  for (const known of [`"${digest}"`, digest, `W/"${digest}"`, '*', `"other", "${digest}"`]) {
    for (const reference of ['latest', digest]) {
      const answer = await http.get(`/v2/app/manifests/${reference}`).set('If-None-Match', known).expect(304);
      assert.equal(answer.headers['etag'], `"${digest}"`);
      assert.equal(answer.headers['docker-content-digest'], digest);
    }
  }
  await http.get('/v2/app/manifests/latest').set('If-None-Match', '"other"').expect(200);
});

test('a blob is no manifest, and a manifest no blob', async (t) => {
  const { http } = await openRegistry(t);
  const { digest } = await pushImage(http, 'app', 'latest');
  const looksLikeOne = await pushBlob(http, 'app', '{"schemaVersion":2}');
  assertRefused(await http.get(`/v2/app/manifests/${looksLikeOne}`), 404, 'MANIFEST_UNKNOWN');
  assertRefused(await http.get(`/v2/app/blobs/${digest}`), 404, 'BLOB_UNKNOWN');
});

test('the namespace that mirrors are asked with is of no matter', async (t) => {
  const { http } = await openRegistry(t);
  await pushImage(http, 'app', 'latest');
  await http.get('/v2/app/manifests/latest?ns=docker.io').expect(200);
});
