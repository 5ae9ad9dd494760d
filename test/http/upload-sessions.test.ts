// The life of an upload: begun, looked at, given up, closed (distribution-spec end-4a, end-13, end-14).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, headerOf } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import { beginUpload, blobOf, withQuery } from '../support/content.ts';
import { objectsBelow } from '../support/test-store.ts';

test('a POST opens a session of its own, with everything that clients look at', async (t) => {
  const { http } = await openRegistry(t);
  const answer = await http.post('/v2/some/app/blobs/uploads/').expect(202);
  const id = headerOf(answer, 'Docker-Upload-UUID');
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(answer.headers['location'], `/v2/some/app/blobs/uploads/${id}`);
  assert.equal(answer.headers['range'], '0-0');
  assert.equal(answer.headers['content-length'], '0');
  const another = await http.post('/v2/some/app/blobs/uploads/').expect(202);
  assert.notEqual(another.headers['docker-upload-uuid'], id);
});

test('an algorithm that is not supported is refused when it is announced', async (t) => {
  const { http } = await openRegistry(t);
  for (const algorithm of ['md5', 'sha1', '', 'SHA256', 'sha256 ', '__proto__']) {
    const answer = await http.post('/v2/app/blobs/uploads/').query({ 'digest-algorithm': algorithm });
    assertRefused(answer, 400, 'DIGEST_INVALID');
  }
});

test('GET says where an upload stands: 204, Location, Range', async (t) => {
  const { http } = await openRegistry(t);
  const location = await beginUpload(http, 'app');
  await http.patch(location).send('0123456789').expect(202);
  const answer = await http.get(location).expect(204);
  assert.equal(answer.headers['range'], '0-9');
  assert.equal(answer.headers['location'], location);
  assert.ok(location.endsWith(headerOf(answer, 'Docker-Upload-UUID')));
});

test('a Location never goes stale, and a digest that a client left in it does not disturb', async (t) => {
  const { http } = await openRegistry(t);
  const first = await beginUpload(http, 'app');
  await http.patch(first).send('01234').expect(202);
  await http.patch(first).send('56789').expect(202);
  const { digest } = blobOf('0123456789');
  const answer = await http.get(withQuery(first, `digest=${digest}`)).expect(204);
  assert.equal(answer.headers['range'], '0-9');
  await http.put(withQuery(first, `digest=${digest}`)).expect(201);
});

const notDigests: Readonly<Record<string, string>> = {
  'without a digest': '',
  'with an empty digest': 'digest=',
  'with a malformed digest': 'digest=sha256:123',
  'with a digest of an algorithm that is not supported': `digest=md5:${'0'.repeat(32)}`,
};
for (const [how, query] of Object.entries(notDigests)) {
  test(`a PUT ${how} is DIGEST_INVALID with 400 and leaves the upload as it was`, async (t) => {
    const { http } = await openRegistry(t);
    const location = await beginUpload(http, 'app');
    await http.patch(location).send('01234').expect(202);
    assertRefused(await http.put(withQuery(location, query)).send('56789'), 400, 'DIGEST_INVALID');
    assert.equal((await http.get(location).expect(204)).headers['range'], '0-4');
    const { digest } = blobOf('01234');
    await http.put(withQuery(location, `digest=${digest}`)).expect(201);
  });
}

test('a digest that does not match ends the session', async (t) => {
  const { http } = await openRegistry(t);
  const location = await beginUpload(http, 'app');
  await http.patch(location).send('01234').expect(202);
  const answer = await http.put(withQuery(location, `digest=${blobOf('other').digest}`));
  const { detail } = assertRefused(answer, 400, 'DIGEST_INVALID');
  assert.deepEqual(detail, { expected: blobOf('other').digest, actual: blobOf('01234').digest });
  assertRefused(await http.get(location), 404, 'BLOB_UPLOAD_UNKNOWN');
});

test('DELETE gives an upload up: 204, and everything after it is 404', async (t) => {
  const { http, driver } = await openRegistry(t);
  const location = await beginUpload(http, 'app');
  await http.patch(location).send('01234').expect(202);
  await http.delete(location).expect(204);
  const { digest } = blobOf('01234');
  assertRefused(await http.get(location), 404, 'BLOB_UPLOAD_UNKNOWN');
  assertRefused(await http.patch(location).send('5'), 404, 'BLOB_UPLOAD_UNKNOWN');
  assertRefused(await http.put(withQuery(location, `digest=${digest}`)), 404, 'BLOB_UPLOAD_UNKNOWN');
  assertRefused(await http.delete(location), 404, 'BLOB_UPLOAD_UNKNOWN');
  assert.deepEqual(await objectsBelow(driver, 'docker/registry/v2/repositories/app'), []);
});

test('an upload may be given up where deleting is switched off: it is a part of pushing', async (t) => {
  const { http } = await openRegistry(t, { settings: { storage: { delete: { enabled: false } } } });
  await http.delete(await beginUpload(http, 'app')).expect(204);
});

test('a closed upload is gone', async (t) => {
  const { http, driver } = await openRegistry(t);
  const location = await beginUpload(http, 'app');
  const { digest } = blobOf('01234');
  await http.patch(location).send('01234').expect(202);
  await http.put(withQuery(location, `digest=${digest}`)).expect(201);
  assertRefused(await http.get(location), 404, 'BLOB_UPLOAD_UNKNOWN');
  assertRefused(await http.put(withQuery(location, `digest=${digest}`)), 404, 'BLOB_UPLOAD_UNKNOWN');
  assert.deepEqual(await objectsBelow(driver, 'docker/registry/v2/repositories/app/_uploads'), []);
  assert.deepEqual(await objectsBelow(driver, 'docker/registry/v2/repositories/app/_berth'), []);
});

test('the session of one repository is unknown in every other one', async (t) => {
  const { http } = await openRegistry(t);
  const location = await beginUpload(http, 'mine');
  await http.patch(location).send('01234').expect(202);
  for (const other of ['yours', 'mine/too', 'min']) {
    const stolen = location.replace('/v2/mine/', `/v2/${other}/`);
    const { digest } = blobOf('01234');
    assertRefused(await http.get(stolen), 404, 'BLOB_UPLOAD_UNKNOWN');
    assertRefused(await http.patch(stolen).send('x'), 404, 'BLOB_UPLOAD_UNKNOWN');
    assertRefused(await http.put(withQuery(stolen, `digest=${digest}`)), 404, 'BLOB_UPLOAD_UNKNOWN');
    assertRefused(await http.delete(stolen), 404, 'BLOB_UPLOAD_UNKNOWN');
  }
  assert.equal((await http.get(location).expect(204)).headers['range'], '0-4');
});

test('a session id that nobody was given is unknown, whatever its form', async (t) => {
  const { http } = await openRegistry(t);
  await beginUpload(http, 'app');
  const ids = [
    '0d1c9e5c-6b0b-4b3f-9f43-1d7f0f9d6a11',
    '0D1C9E5C-6B0B-4B3F-9F43-1D7F0F9D6A11',
    '..%2F..%2Fother',
    '*',
    '_uploads',
    '%0d%0aFLUSHALL',
    'a'.repeat(8000),
  ];
  for (const id of ids)
    assertRefused(await http.get(`/v2/app/blobs/uploads/${id}`), 404, 'BLOB_UPLOAD_UNKNOWN');
});

test('an upload that is under way does not make a repository', async (t) => {
  const { http } = await openRegistry(t);
  await http
    .patch(await beginUpload(http, 'app'))
    .send('01234')
    .expect(202);
  assertRefused(await http.get('/v2/app/tags/list'), 404, 'NAME_UNKNOWN');
  const catalog = await http.get('/v2/_catalog').expect(200);
  assert.equal(String(catalog.body), '{"repositories":[]}');
});
