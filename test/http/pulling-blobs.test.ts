// distribution-spec end-2, without ranges.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, bytesOf } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import { algorithms, blobOf, pushBlob } from '../support/content.ts';
import { send } from '../support/raw-http.ts';

const content = Buffer.alloc(200_000, 'a blob of more than one chunk ');

for (const algorithm of algorithms) {
  test(`a ${algorithm} blob comes back byte for byte, with everything that clients look at`, async (t) => {
    const { http } = await openRegistry(t);
    const digest = await pushBlob(http, 'some/app', content, algorithm);
    const answer = await http.get(`/v2/some/app/blobs/${digest}`).expect(200);
    assert.ok(content.equals(bytesOf(answer)));
    assert.equal(answer.headers['content-length'], '200000');
    assert.equal(answer.headers['content-type'], 'application/octet-stream');
    assert.equal(answer.headers['docker-content-digest'], digest);
    assert.equal(answer.headers['etag'], `"${digest}"`);
    assert.equal(answer.headers['accept-ranges'], 'bytes');
    assert.match(answer.headers['cache-control'] ?? '', /private.*max-age=31536000.*no-transform/);
    assert.equal(answer.headers['content-encoding'], undefined);
  });

  test(`HEAD of a ${algorithm} blob has the headers of GET and no body`, async (t) => {
    const { http, port } = await openRegistry(t);
    const digest = await pushBlob(http, 'some/app', content, algorithm);
    const answer = await send(port, `HEAD /v2/some/app/blobs/${digest}`);
    assert.equal(answer.status, 200);
    assert.equal(answer.body.length, 0);
    assert.equal(answer.headers['content-length'], '200000');
    assert.equal(answer.headers['docker-content-digest'], digest);
    assert.equal(answer.headers['etag'], `"${digest}"`);
    assert.equal(answer.headers['accept-ranges'], 'bytes');
  });

  test(`an empty ${algorithm} blob has a Content-Length of 0, for GET and for HEAD`, async (t) => {
    const { http, port } = await openRegistry(t);
    const digest = await pushBlob(http, 'app', '', algorithm);
    const got = await http.get(`/v2/app/blobs/${digest}`).expect(200);
    assert.equal(bytesOf(got).length, 0);
    assert.equal(got.headers['content-length'], '0');
    const head = await send(port, `HEAD /v2/app/blobs/${digest}`);
    assert.equal(head.status, 200);
    assert.equal(head.headers['content-length'], '0');
  });

  test(`a ${algorithm} blob that is not there is BLOB_UNKNOWN with 404, in a repository and in none`, async (t) => {
    const { http } = await openRegistry(t);
    await pushBlob(http, 'app', 'something');
    const { digest } = blobOf('never pushed', algorithm);
    for (const repository of ['app', 'no/such']) {
      const answer = await http.get(`/v2/${repository}/blobs/${digest}`);
      assertRefused(answer, 404, 'BLOB_UNKNOWN');
      for (const name of ['etag', 'docker-content-digest', 'accept-ranges', 'cache-control']) {
        assert.equal(answer.headers[name], undefined, name);
      }
      await http.head(`/v2/${repository}/blobs/${digest}`).expect(404);
    }
  });
}

test('one algorithm does not stand for the other: a blob has the digest it was pushed by', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', content, 'sha512');
  await http.get(`/v2/app/blobs/${blobOf(content, 'sha256').digest}`).expect(404);
});

test('a blob is sent as it is, whatever encodings the client offers', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'app', content);
  const answer = await http
    .get(`/v2/app/blobs/${digest}`)
    .set('Accept-Encoding', 'zstd, gzip, deflate')
    .expect(200);
  assert.equal(answer.headers['content-encoding'], undefined);
  assert.ok(content.equals(bytesOf(answer)));
});

test('a blob that holds a web page is no web page', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'app', '<html><script>alert(1)</script>');
  const { headers } = await http.get(`/v2/app/blobs/${digest}`).expect(200);
  assert.equal(headers['content-type'], 'application/octet-stream');
  assert.equal(headers['x-content-type-options'], 'nosniff');
});

test('the digest in a path may be percent-encoded', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'some/app', content);
  await http.get(`/v2/some/app/blobs/${digest.replace(':', '%3A')}`).expect(200);
  await http.get(`/v2/some%2Fapp/blobs/${digest.replace(':', '%3a')}`).expect(200);
});

const malformed: Readonly<Record<string, string>> = {
  'with upper-case hex': `sha256:${'A'.repeat(64)}`,
  'of 63 digits': `sha256:${'a'.repeat(63)}`,
  'of 65 digits': `sha256:${'a'.repeat(65)}`,
  'of sha256 with the length of sha512': `sha256:${'a'.repeat(128)}`,
  'of sha512 with the length of sha256': `sha512:${'a'.repeat(64)}`,
  'of an algorithm that is not supported': `md5:${'a'.repeat(32)}`,
  'without an algorithm': 'a'.repeat(64),
  'without digits': 'sha256:',
  'of ten thousand characters': `sha256:${'a'.repeat(10_000)}`,
};
for (const [how, digest] of Object.entries(malformed)) {
  test(`a digest ${how} is DIGEST_INVALID with 400, wherever it stands`, async (t) => {
    const { http } = await openRegistry(t);
    assertRefused(await http.get(`/v2/app/blobs/${digest}`), 400, 'DIGEST_INVALID');
    assertRefused(await http.delete(`/v2/app/blobs/${digest}`), 400, 'DIGEST_INVALID');
    assertRefused(await http.get(`/v2/app/referrers/${digest}`), 400, 'DIGEST_INVALID');
    assertRefused(await http.post(`/v2/app/blobs/uploads/?digest=${digest}`), 400, 'DIGEST_INVALID');
    if (!digest.includes(':')) return;
    for (const method of ['get', 'put', 'delete'] as const) {
      assertRefused(await http[method](`/v2/app/manifests/${digest}`), 400, 'DIGEST_INVALID');
    }
  });
}

for (const form of ['quoted', 'unquoted', 'weak', 'any', 'one of many'] as const) {
  test(`a client that has the blob and says so (${form}) is told 304 without a body`, async (t) => {
    const { http } = await openRegistry(t);
    const digest = await pushBlob(http, 'app', content);
    const tags = {
      quoted: `"${digest}"`,
      unquoted: digest,
      weak: `W/"${digest}"`,
      any: '*',
      'one of many': `"other", "${digest}"`,
    };
    const answer = await http.get(`/v2/app/blobs/${digest}`).set('If-None-Match', tags[form]).expect(304);
    assert.equal(answer.headers['etag'], `"${digest}"`);
    assert.equal(answer.headers['content-length'], undefined);
  });
}

test('a client that has another blob gets this one', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'app', content);
  const other = blobOf('other').digest;
  await http.get(`/v2/app/blobs/${digest}`).set('If-None-Match', `"${other}"`).expect(200);
});

test('what a client claims to have does not make a blob that is absent 304', async (t) => {
  const { http } = await openRegistry(t);
  const { digest } = blobOf('never pushed');
  assertRefused(await http.get(`/v2/app/blobs/${digest}`).set('If-None-Match', '*'), 404, 'BLOB_UNKNOWN');
});
