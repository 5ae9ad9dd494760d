// distribution-spec end-9 and end-10.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, jsonOf } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import { algorithms, describe, pushBlob, pushImage, pushManifest } from '../support/content.ts';
import { mediaTypes } from '../support/sample-image.ts';

for (const algorithm of algorithms) {
  test(`a ${algorithm} blob is deleted with 202 and gone at once, in its repository alone`, async (t) => {
    const { http } = await openRegistry(t);
    const digest = await pushBlob(http, 'mine', 'shared', algorithm);
    await pushBlob(http, 'yours', 'shared', algorithm);
    const answer = await http.delete(`/v2/mine/blobs/${digest}`).expect(202);
    assert.equal(answer.headers['content-length'], '0');
    await http.head(`/v2/mine/blobs/${digest}`).expect(404);
    assertRefused(await http.get(`/v2/mine/blobs/${digest}`), 404, 'BLOB_UNKNOWN');
    assertRefused(await http.delete(`/v2/mine/blobs/${digest}`), 404, 'BLOB_UNKNOWN');
    await http.get(`/v2/yours/blobs/${digest}`).expect(200);
    assert.equal(await pushBlob(http, 'mine', 'shared', algorithm), digest);
    await http.get(`/v2/mine/blobs/${digest}`).expect(200);
  });

  test(`a manifest deleted by its ${algorithm} digest goes with all tags on it and no other`, async (t) => {
    const { http } = await openRegistry(t);
    const { digest, bytes } = await pushImage(http, 'app', 'digest', { algorithm });
    const query = ['one', 'two', 'three'].map((tag) => `tag=${tag}`).join('&');
    await pushManifest(http, 'app', `${digest}?${query}`, bytes);
    await pushImage(http, 'app', 'other', { content: 'another layer' });
    await http.delete(`/v2/app/manifests/${digest}`).expect(202);
    for (const reference of [digest, 'one', 'two', 'three']) {
      assertRefused(await http.get(`/v2/app/manifests/${reference}`), 404, 'MANIFEST_UNKNOWN');
    }
    assertRefused(await http.delete(`/v2/app/manifests/${digest}`), 404, 'MANIFEST_UNKNOWN');
    assert.deepEqual(jsonOf(await http.get('/v2/app/tags/list'))['tags'], ['other']);
    await pushManifest(http, 'app', digest, bytes);
    await http.get(`/v2/app/manifests/${digest}`).expect(200);
  });
}

test('a deleted tag takes neither its manifest nor the tags beside it', async (t) => {
  const { http } = await openRegistry(t);
  const { digest, bytes } = await pushImage(http, 'app', 'one');
  await pushManifest(http, 'app', 'two', bytes);
  await http.delete('/v2/app/manifests/one').expect(202);
  assertRefused(await http.get('/v2/app/manifests/one'), 404, 'MANIFEST_UNKNOWN');
  await http.get('/v2/app/manifests/two').expect(200);
  await http.get(`/v2/app/manifests/${digest}`).expect(200);
  assert.deepEqual(jsonOf(await http.get('/v2/app/tags/list'))['tags'], ['two']);
  assertRefused(await http.delete('/v2/app/manifests/one'), 404, 'MANIFEST_UNKNOWN');
});

test('a tag that has moved on stays when the manifest that it was on goes', async (t) => {
  const { http } = await openRegistry(t);
  const before = await pushImage(http, 'app', 'latest', { content: 'before' });
  const after = await pushImage(http, 'app', 'latest', { content: 'after' });
  await http.delete(`/v2/app/manifests/${before.digest}`).expect(202);
  const { headers } = await http.get('/v2/app/manifests/latest').expect(200);
  assert.equal(headers['docker-content-digest'], after.digest);
});

test('among many tags exactly those of the manifest go with it, each time', async (t) => {
  const { http } = await openRegistry(t);
  const kept = await pushImage(http, 'app', 'kept', { content: 'kept' });
  const many = Array.from({ length: 520 }, (_, number) => `t${String(number).padStart(3, '0')}`);
  for (const tag of many) await pushManifest(http, 'app', tag, kept.bytes);
  const gone = [await pushImage(http, 'app', 't100', { content: 'first' })];
  await pushManifest(http, 'app', 't200', gone[0]?.bytes ?? Buffer.alloc(0));
  let left = [...many, 'kept'].filter((tag) => tag !== 't100' && tag !== 't200').toSorted();
  await http.delete(`/v2/app/manifests/${gone[0]?.digest}`).expect(202);
  const tags = async () => jsonOf(await http.get('/v2/app/tags/list').expect(200))['tags'];
  assert.deepEqual(await tags(), left);
  for (const content of ['second', 'third']) {
    const image = await pushImage(http, 'app', 't300', { content });
    await pushManifest(http, 'app', `new-${content}`, image.bytes);
    await http.delete(`/v2/app/manifests/${image.digest}`).expect(202);
    left = left.filter((tag) => tag !== 't300');
    assert.deepEqual(await tags(), left);
  }
  await http.get('/v2/app/manifests/t000').expect(200);
});

test('a manifest deleted in one repository stays in every other one', async (t) => {
  const { http } = await openRegistry(t);
  const { digest } = await pushImage(http, 'mine', 'latest');
  await pushImage(http, 'yours', 'latest');
  await http.delete(`/v2/mine/manifests/${digest}`).expect(202);
  await http.get('/v2/yours/manifests/latest').expect(200);
});

test('a tag whose name begins another one goes alone', async (t) => {
  const { http } = await openRegistry(t);
  const { bytes } = await pushImage(http, 'app', '1');
  await pushManifest(http, 'app', '1.0', bytes);
  await http.delete('/v2/app/manifests/1').expect(202);
  await http.get('/v2/app/manifests/1.0').expect(200);
});

test('a deleted manifest leaves the list of referrers, and its own referrers stay', async (t) => {
  const { http } = await openRegistry(t);
  const image = await pushImage(http, 'app', 'latest');
  const subject = describe(image.bytes, mediaTypes.manifest);
  const signature = await pushImage(http, 'app', 'digest', { fields: { subject } });
  const listed = async () =>
    jsonOf(await http.get(`/v2/app/referrers/${image.digest}`).expect(200))['manifests'];
  await http.delete(`/v2/app/manifests/${image.digest}`).expect(202);
  assert.equal(((await listed()) as unknown[]).length, 1);
  await http.delete(`/v2/app/manifests/${signature.digest}`).expect(202);
  assert.deepEqual(await listed(), []);
});

test('a manifest that was torn in the store can still be deleted', async (t) => {
  const { http, driver } = await openRegistry(t);
  const { digest } = await pushImage(http, 'app', 'latest');
  const hex = digest.slice('sha256:'.length);
  await driver.write(`docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`, Buffer.alloc(0));
  await http.delete(`/v2/app/manifests/${digest}`).expect(202);
  assert.deepEqual(jsonOf(await http.get('/v2/app/tags/list'))['tags'], []);
});

test('what was never there is 404, in a repository and in none', async (t) => {
  const { http } = await openRegistry(t);
  const { digest } = await pushImage(http, 'app', 'latest');
  for (const name of ['other', 'app/inner']) {
    assertRefused(await http.delete(`/v2/${name}/manifests/latest`), 404, 'MANIFEST_UNKNOWN');
    assertRefused(await http.delete(`/v2/${name}/manifests/${digest}`), 404, 'MANIFEST_UNKNOWN');
    assertRefused(await http.delete(`/v2/${name}/blobs/${digest}`), 404, 'BLOB_UNKNOWN');
  }
  assertRefused(await http.delete('/v2/app/manifests/-illegal'), 404, 'MANIFEST_UNKNOWN');
});

test('where deleting is switched off every delete is refused with 405 and nothing goes', async (t) => {
  const { http } = await openRegistry(t, { settings: { storage: { delete: { enabled: false } } } });
  const { digest, layer } = await pushImage(http, 'app', 'latest');
  for (const path of [`manifests/${digest}`, 'manifests/latest', `blobs/${layer}`, 'manifests/none']) {
    assertRefused(await http.delete(`/v2/app/${path}`), 405, 'UNSUPPORTED');
  }
  await http.get('/v2/app/manifests/latest').expect(200);
  await http.get(`/v2/app/blobs/${layer}`).expect(200);
});
