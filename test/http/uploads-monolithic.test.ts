// Blobs pushed in one request, or with POST and one PUT (distribution-spec end-4b, end-4a with end-6).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, bytesOf, headerOf } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import { algorithms, beginUpload, blobOf, pushBlob, withQuery } from '../support/content.ts';
import { send } from '../support/raw-http.ts';

const contents: Readonly<Record<string, Buffer>> = {
  'an empty blob': Buffer.alloc(0),
  'a blob of one byte': Buffer.from('x'),
  'a blob of 300 000 bytes': Buffer.alloc(300_000, 'content '),
};

for (const algorithm of algorithms) {
  for (const [what, content] of Object.entries(contents)) {
    test(`${what} by ${algorithm} is pushed with one POST: 201 and a Location that can be pulled`, async (t) => {
      const { http } = await openRegistry(t);
      const { digest } = blobOf(content, algorithm);
      const answer = await http
        .post(`/v2/some/app/blobs/uploads/?digest=${digest}`)
        .send(content)
        .expect(201);
      assert.equal(answer.headers['location'], `/v2/some/app/blobs/${digest}`);
      assert.equal(answer.headers['docker-content-digest'], digest);
      assert.equal(answer.headers['content-length'], '0');
      const got = await http.get(headerOf(answer, 'Location')).expect(200);
      assert.ok(content.equals(bytesOf(got)));
    });

    test(`${what} by ${algorithm} is pushed with POST and PUT`, async (t) => {
      const { http } = await openRegistry(t);
      const { digest } = blobOf(content, algorithm);
      const location = await beginUpload(http, 'some/app');
      const answer = await http
        .put(withQuery(location, `digest=${digest}`))
        .send(content)
        .expect(201);
      assert.equal(answer.headers['location'], `/v2/some/app/blobs/${digest}`);
      assert.equal(answer.headers['docker-content-digest'], digest);
      const got = await http.get(headerOf(answer, 'Location')).expect(200);
      assert.ok(content.equals(bytesOf(got)));
    });
  }

  test(`a ${algorithm} digest of other bytes is refused, for both ways, and nothing is kept`, async (t) => {
    const { http, driver } = await openRegistry(t);
    const { digest } = blobOf('what was promised', algorithm);
    const posted = await http.post(`/v2/app/blobs/uploads/?digest=${digest}`).send('what came');
    assertRefused(posted, 400, 'DIGEST_INVALID');
    const location = await beginUpload(http, 'app');
    const put = await http.put(withQuery(location, `digest=${digest}`)).send('what came');
    assertRefused(put, 400, 'DIGEST_INVALID');
    await http.get(`/v2/app/blobs/${digest}`).expect(404);
    assertRefused(await http.get(location), 404, 'BLOB_UPLOAD_UNKNOWN');
    assert.deepEqual(await driver.list('docker/registry/v2/blobs'), []);
  });
}

for (const path of ['/v2/app/blobs/uploads', '/v2/app/blobs/uploads/']) {
  test(`a POST to ${path} is answered there, not sent elsewhere`, async (t) => {
    const { http } = await openRegistry(t);
    await http.post(path).expect(202);
  });
}

test('a body in chunks of unknown length is as good as one with a Content-Length', async (t) => {
  const { http, port } = await openRegistry(t);
  const { digest } = blobOf('hello world');
  const body = '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n';
  const answer = await send(
    port,
    `POST /v2/app/blobs/uploads/?digest=${digest}`,
    ['Transfer-Encoding: chunked'],
    body,
  );
  assert.equal(answer.status, 201);
  assert.equal(bytesOf(await http.get(`/v2/app/blobs/${digest}`)).toString(), 'hello world');
});

test('the content type of a push is of no matter', async (t) => {
  const { http } = await openRegistry(t);
  for (const type of ['application/json', 'text/html', 'application/octet-stream', 'multipart/form-data']) {
    const { bytes, digest } = blobOf(`pushed as ${type}`);
    await http
      .post(`/v2/app/blobs/uploads/?digest=${digest}`)
      .set('Content-Type', type)
      .send(bytes)
      .expect(201);
    assert.ok(bytes.equals(bytesOf(await http.get(`/v2/app/blobs/${digest}`))));
  }
});

test('a blob that is there already is pushed again with 201', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'app', 'twice');
  assert.equal(await pushBlob(http, 'app', 'twice'), digest);
});

test('the digest may be percent-encoded in the query', async (t) => {
  const { http } = await openRegistry(t);
  const { bytes, digest } = blobOf('encoded');
  await http
    .post(`/v2/app/blobs/uploads/?digest=${encodeURIComponent(digest)}`)
    .send(bytes)
    .expect(201);
});

test('a body that is compressed on its way is refused with 415: its digest is of other bytes', async (t) => {
  const { http } = await openRegistry(t);
  const { bytes, digest } = blobOf('encoded');
  const push = http.post(`/v2/app/blobs/uploads/?digest=${digest}`).set('Content-Encoding', 'gzip');
  assertRefused(await push.send(bytes), 415, 'UNSUPPORTED');
  await http
    .post(`/v2/app/blobs/uploads/?digest=${digest}`)
    .set('Content-Encoding', 'identity')
    .send(bytes)
    .expect(201);
});

test('a parameter that is there twice is refused, and neither value is believed', async (t) => {
  const { http } = await openRegistry(t);
  const { bytes, digest } = blobOf('one');
  const other = blobOf('other').digest;
  const answer = await http.post(`/v2/app/blobs/uploads/?digest=${digest}&digest=${other}`).send(bytes);
  assertRefused(answer, 400);
  await http.get(`/v2/app/blobs/${digest}`).expect(404);
});

test('a monolithic push leaves no session behind', async (t) => {
  const { http, driver } = await openRegistry(t);
  await pushBlob(http, 'app', 'no session');
  assert.deepEqual(await driver.list('docker/registry/v2/repositories/app/_uploads'), []);
  assert.deepEqual(await driver.list('docker/registry/v2/repositories/app/_berth'), []);
});
