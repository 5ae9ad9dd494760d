// Blobs taken over from another repository (distribution-spec end-11).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, bytesOf, headerOf } from '../support/answers.ts';
import { type Http, openRegistry } from '../support/app.ts';
import { algorithms, blobOf, pushBlob, withQuery } from '../support/content.ts';

async function assertSession(http: Http, query: string, content = 'uploaded after all'): Promise<void> {
  const answer = await http.post(`/v2/target/blobs/uploads/?${query}`).expect(202);
  assert.equal(answer.headers['docker-content-digest'], undefined);
  assert.equal(answer.headers['range'], '0-0');
  const { bytes, digest } = blobOf(content);
  const location = headerOf(answer, 'Location');
  await http
    .put(withQuery(location, `digest=${digest}`))
    .send(bytes)
    .expect(201);
}

for (const algorithm of algorithms) {
  test(`a ${algorithm} blob is mounted: 201, the Location in the new repository, no bytes sent`, async (t) => {
    const { http } = await openRegistry(t);
    const digest = await pushBlob(http, 'some/source', 'shared', algorithm);
    const answer = await http.post(`/v2/target/blobs/uploads/?mount=${digest}&from=some/source`).expect(201);
    assert.equal(answer.headers['location'], `/v2/target/blobs/${digest}`);
    assert.equal(answer.headers['docker-content-digest'], digest);
    assert.equal(answer.headers['content-length'], '0');
    assert.equal(bytesOf(await http.get(`/v2/target/blobs/${digest}`).expect(200)).toString(), 'shared');
  });

  test(`a ${algorithm} blob is mounted without a source where any repository has it`, async (t) => {
    const { http } = await openRegistry(t);
    const digest = await pushBlob(http, 'some/source', 'shared', algorithm);
    await http.post(`/v2/target/blobs/uploads/?mount=${digest}`).expect(201);
    await http.get(`/v2/target/blobs/${digest}`).expect(200);
  });
}

test('a mount takes the name of the source percent-encoded too', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'some/source', 'shared');
  const query = `mount=${encodeURIComponent(digest)}&from=${encodeURIComponent('some/source')}`;
  await http.post(`/v2/target/blobs/uploads/?${query}`).expect(201);
});

test('a blob that the repository has already is mounted at once, whatever the source', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'target', 'mine');
  await http.post(`/v2/target/blobs/uploads/?mount=${digest}&from=target`).expect(201);
  await http.post(`/v2/target/blobs/uploads/?mount=${digest}`).expect(201);
});

test('a mount of a blob that the source does not have becomes an upload', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'source', 'something else');
  const digest = await pushBlob(http, 'elsewhere', 'shared');
  await assertSession(http, `mount=${digest}&from=source`);
  await http.get(`/v2/target/blobs/${digest}`).expect(404);
});

test('a mount that cannot be understood becomes an upload, never an error', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'source', 'shared');
  const odd = [
    'mount=&from=source',
    'mount=sha256:123&from=source',
    `mount=${digest}&from=`,
    `mount=${digest}&from=UPPER`,
    `mount=${digest}&from=../source`,
    `mount=${digest}&from=no/such/repository`,
    `mount=${blobOf('never pushed').digest}`,
    'from=source',
  ];
  for (const query of odd) await assertSession(http, query, query);
});

test('a source that another source is a part of does not have its blobs', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'source/inner', 'shared');
  await assertSession(http, `mount=${digest}&from=source`);
});

test('a mount goes before a digest that stands beside it', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'source', 'shared');
  await http.post(`/v2/target/blobs/uploads/?mount=${digest}&from=source&digest=${digest}`).expect(201);
  const other = blobOf('never pushed').digest;
  await http.post(`/v2/target/blobs/uploads/?mount=${other}&from=source&digest=${other}`).expect(202);
});

test('a mounted blob stays when it is deleted in its source', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'source', 'shared');
  await http.post(`/v2/target/blobs/uploads/?mount=${digest}&from=source`).expect(201);
  await http.delete(`/v2/source/blobs/${digest}`).expect(202);
  await http.get(`/v2/target/blobs/${digest}`).expect(200);
  assertRefused(await http.get(`/v2/source/blobs/${digest}`), 404, 'BLOB_UNKNOWN');
});

test('a blob that was deleted everywhere is mounted from nowhere', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'source', 'shared');
  await http.delete(`/v2/source/blobs/${digest}`).expect(202);
  await assertSession(http, `mount=${digest}&from=source`);
  await assertSession(http, `mount=${digest}`);
});

test('a blob that is torn in the store is mounted from nowhere, and the upload heals it for all', async (t) => {
  const { http, driver } = await openRegistry(t);
  const digest = await pushBlob(http, 'source', 'shared');
  const hex = digest.slice('sha256:'.length);
  await driver.write(`docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`, Buffer.from('sha'));
  await http.post(`/v2/target/blobs/uploads/?mount=${digest}&from=source`).expect(202);
  await http.post(`/v2/target/blobs/uploads/?mount=${digest}`).expect(202);
  await http.get(`/v2/target/blobs/${digest}`).expect(404);
  await pushBlob(http, 'target', 'shared');
  await http.get(`/v2/source/blobs/${digest}`).expect(200);
});

test('a target of an illegal name is refused, mount or not', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'source', 'shared');
  const answer = await http.post(`/v2/UPPER/blobs/uploads/?mount=${digest}&from=source`);
  assertRefused(answer, 400, 'NAME_INVALID');
});
