// A repository is a wall: what is in one cannot be read, claimed or noticed from another one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, assertRefused, jsonOf } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import {
  beginUpload,
  blobOf,
  describe,
  EMPTY_CONFIG,
  manifestOf,
  pushBlob,
  pushImage,
  pushManifest,
  putManifest,
  withQuery,
} from '../support/content.ts';
import { mediaTypes } from '../support/sample-image.ts';

const secret = Buffer.from('only in a/priv');
const { digest: D } = blobOf(secret);

/** What an answer says, less what differs from request to request and the digest that was asked for. */
function saying({ status, headers, body }: Answer, digest: string): string {
  const { date: _, 'x-request-id': __, ...kept } = headers;
  return JSON.stringify([status, kept, String(body)]).replaceAll(digest, '<digest>');
}

async function openWithSecret(t: Parameters<typeof openRegistry>[0]) {
  const registry = await openRegistry(t);
  await pushBlob(registry.http, 'a/priv', secret);
  await pushBlob(registry.http, 'b/app', 'something else');
  return registry;
}

test('a blob of another repository cannot be told from one that was never seen', async (t) => {
  const { http } = await openWithSecret(t);
  const unseen = blobOf('never seen').digest;
  for (const method of ['get', 'head', 'delete'] as const) {
    for (const range of ['', 'bytes=0-1']) {
      const ask = (digest: string) => http[method](`/v2/b/app/blobs/${digest}`).set('Range', range);
      const answer = await ask(D);
      assert.equal(answer.status, 404);
      assert.equal(saying(answer, D), saying(await ask(unseen), unseen));
    }
  }
});

test('a claim to have the bytes of a digest opens nothing without the bytes', async (t) => {
  const { http } = await openWithSecret(t);
  for (const body of ['', 'wrong bytes', secret.subarray(0, 5)]) {
    const location = await beginUpload(http, 'b/app');
    assertRefused(await http.put(withQuery(location, `digest=${D}`)).send(body), 400, 'DIGEST_INVALID');
    const posted = await http.post(`/v2/b/app/blobs/uploads/?digest=${D}`).send(body);
    assertRefused(posted, 400, 'DIGEST_INVALID');
    await http.get(`/v2/b/app/blobs/${D}`).expect(404);
  }
  await http.get(`/v2/a/priv/blobs/${D}`).expect(200);
});

test('a manifest that lists a blob of another repository is refused as if the blob were nowhere', async (t) => {
  const { http } = await openWithSecret(t);
  await pushBlob(http, 'b/app', EMPTY_CONFIG);
  const unseen = Buffer.from('never see this');
  const answers = [];
  for (const layer of [secret, unseen]) {
    const answer = await putManifest(http, 'b/app', 'latest', manifestOf({ layers: [layer] }));
    assertRefused(answer, 400, 'MANIFEST_BLOB_UNKNOWN');
    answers.push(saying(answer, blobOf(layer).digest));
  }
  assert.equal(answers[0], answers[1]);
  await http.get(`/v2/b/app/blobs/${D}`).expect(404);
});

test('an index that lists a manifest of another repository is refused, and opens nothing', async (t) => {
  const { http } = await openWithSecret(t);
  const image = await pushImage(http, 'a/priv', 'latest');
  const manifests = [describe(image.bytes, mediaTypes.manifest)];
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }));
  assertRefused(await putManifest(http, 'b/app', 'latest', index), 400, 'MANIFEST_BLOB_UNKNOWN');
  await http.get(`/v2/b/app/manifests/${image.digest}`).expect(404);
});

test('a manifest of another repository is unknown by tag and by digest', async (t) => {
  const { http } = await openWithSecret(t);
  const image = await pushImage(http, 'a/priv', 'latest');
  for (const reference of ['latest', image.digest]) {
    for (const method of ['get', 'delete'] as const) {
      assertRefused(await http[method](`/v2/b/app/manifests/${reference}`), 404, 'MANIFEST_UNKNOWN');
    }
  }
  await http.get('/v2/a/priv/manifests/latest').expect(200);
});

test('referrers are asked for in vain in another repository', async (t) => {
  const { http } = await openWithSecret(t);
  const image = await pushImage(http, 'a/priv', 'latest');
  const subject = describe(image.bytes, mediaTypes.manifest);
  await pushManifest(http, 'a/priv', 'signature', manifestOf({ fields: { subject } }));
  const own = jsonOf(await http.get(`/v2/a/priv/referrers/${image.digest}`).expect(200));
  assert.equal((own['manifests'] as unknown[]).length, 1);
  const other = jsonOf(await http.get(`/v2/b/app/referrers/${image.digest}`).expect(200));
  assert.deepEqual(other['manifests'], []);
});

test('content that is in two repositories is a push in each: bytes that were known already open nothing', async (t) => {
  const { http, driver } = await openWithSecret(t);
  await pushBlob(http, 'b/app', secret);
  await http.get(`/v2/b/app/blobs/${D}`).expect(200);
  const stored = await driver.list('docker/registry/v2/blobs/sha256');
  assert.equal(stored.length, 2, 'kept once');
});

test('a name that another name begins with shares nothing with it', async (t) => {
  const { http } = await openRegistry(t);
  const { digest, layer } = await pushImage(http, 'app', 'latest');
  for (const other of ['app/inner', 'app2', 'app-x', 'ap', 'x/app']) {
    await http.get(`/v2/${other}/blobs/${layer}`).expect(404);
    await http.get(`/v2/${other}/manifests/${digest}`).expect(404);
  }
});

for (const header of ['X-Forwarded-User', 'X-WEBAUTH-USER', 'X-Remote-User', 'Authorization']) {
  test(`${header} opens nothing and shuts nothing: there are no accounts`, async (t) => {
    const { http } = await openWithSecret(t);
    await http.get(`/v2/b/app/blobs/${D}`).set(header, 'admin').expect(404);
    await http.get(`/v2/a/priv/blobs/${D}`).set(header, 'Basic Og==').expect(200);
  });
}
