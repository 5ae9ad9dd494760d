// Pushes with conditions on the tag (RFC 9110, section 13), and pushes that set several tags (distribution-spec end-7b).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import { algorithms, blobOf, manifestOf, pushImage, putManifest } from '../support/content.ts';

const other = manifestOf({ fields: { annotations: { is: 'another' } } });

test('If-None-Match: * makes a new tag and never moves one', async (t) => {
  const { http } = await openRegistry(t);
  const { digest } = await pushImage(http, 'app', 'digest');
  await putManifest(http, 'app', 'new', other).set('If-None-Match', '*').expect(201);
  assertRefused(await putManifest(http, 'app', 'new', other).set('If-None-Match', '*'), 412);
  await pushImage(http, 'app', 'taken');
  assertRefused(await putManifest(http, 'app', 'taken', other).set('If-None-Match', '*'), 412);
  const { headers } = await http.get('/v2/app/manifests/taken').expect(200);
  assert.equal(headers['docker-content-digest'], digest);
});

test('If-Match moves a tag only from what the client has seen', async (t) => {
  const { http } = await openRegistry(t);
  const { digest } = await pushImage(http, 'app', 'latest');
  const put = (seen: string) => putManifest(http, 'app', 'latest', other).set('If-Match', seen);
  assertRefused(await put(`"${blobOf('something else').digest}"`), 412);
  const before = await http.get('/v2/app/manifests/latest').expect(200);
  assert.equal(before.headers['docker-content-digest'], digest);
  await put(`"${digest}"`).expect(201);
  assertRefused(await put(`"${digest}"`), 412);
  await put('*').expect(201);
  assertRefused(await putManifest(http, 'app', 'absent', other).set('If-Match', '*'), 412);
  assertRefused(await putManifest(http, 'app', 'absent', other).set('If-Match', `"${digest}"`), 412);
});

test('If-None-Match with a digest refuses to put the tag where it is', async (t) => {
  const { http } = await openRegistry(t);
  const { digest, bytes } = await pushImage(http, 'app', 'latest');
  const put = (manifest: Buffer, not: string) =>
    putManifest(http, 'app', 'latest', manifest).set('If-None-Match', not);
  assertRefused(await put(bytes, `"${digest}"`), 412);
  await put(other, `"${blobOf('something else').digest}"`).expect(201);
});

for (const algorithm of algorithms) {
  test(`a push by ${algorithm} digest sets all tags that it names, and says which`, async (t) => {
    const { http } = await openRegistry(t);
    const { digest, bytes } = await pushImage(http, 'app', 'digest', { algorithm });
    const tags = Array.from({ length: 12 }, (_, number) => `v${number}`);
    const query = tags.map((tag) => `tag=${tag}`).join('&');
    const answer = await putManifest(http, 'app', `${digest}?${query}`, bytes).expect(201);
    assert.equal(answer.headers['oci-tag'], tags.join(', '));
    assert.equal(answer.headers['docker-content-digest'], digest);
    assert.equal(answer.headers['location'], `/v2/app/manifests/${digest}`);
    for (const tag of tags) {
      const { headers } = await http.get(`/v2/app/manifests/${tag}`).expect(200);
      assert.equal(headers['docker-content-digest'], digest);
    }
  });
}

test('a tag that is named twice is set once', async (t) => {
  const { http } = await openRegistry(t);
  const { digest, bytes } = await pushImage(http, 'app', 'digest');
  const answer = await putManifest(http, 'app', `${digest}?tag=a&tag=a`, bytes).expect(201);
  assert.equal(answer.headers['oci-tag'], 'a');
});

test('one illegal tag among several refuses the push as a whole', async (t) => {
  const { http } = await openRegistry(t);
  const { digest } = await pushImage(http, 'app', 'digest');
  const hash = blobOf(other).digest;
  assertRefused(await putManifest(http, 'app', `${hash}?tag=good&tag=-bad`, other), 400, 'TAG_INVALID');
  assertRefused(await putManifest(http, 'app', `${hash}?tag=`, other), 400, 'TAG_INVALID');
  await http.get('/v2/app/manifests/good').expect(404);
  await http.get(`/v2/app/manifests/${hash}`).expect(404);
  await http.get(`/v2/app/manifests/${digest}`).expect(200);
});

test('more tags than a push may set are refused with 414', async (t) => {
  const { http } = await openRegistry(t);
  const { digest, bytes } = await pushImage(http, 'app', 'digest');
  const query = (count: number) => Array.from({ length: count }, (_, number) => `tag=v${number}`).join('&');
  assertRefused(await putManifest(http, 'app', `${digest}?${query(101)}`, bytes), 414);
  await http.get('/v2/app/manifests/v0').expect(404);
  await putManifest(http, 'app', `${digest}?${query(100)}`, bytes).expect(201);
});

test('further tags count for a push by digest only: no OCI-Tag otherwise', async (t) => {
  const { http } = await openRegistry(t);
  const { bytes } = await pushImage(http, 'app', 'digest');
  const answer = await putManifest(http, 'app', 'latest?tag=more', bytes).expect(201);
  assert.equal(answer.headers['oci-tag'], undefined);
  await http.get('/v2/app/manifests/more').expect(404);
});
