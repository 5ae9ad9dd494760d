// Names of repositories: what the grammar forbids, and what it allows although it looks like something else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, bytesOf, jsonOf } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import { blobOf, describe, manifestOf, pushBlob, pushImage, pushManifest } from '../support/content.ts';
import { send } from '../support/raw-http.ts';
import { mediaTypes } from '../support/sample-image.ts';

/** As they stand in the path of a request. */
const illegal: Readonly<Record<string, string>> = {
  'of upper-case letters': 'UPPER/app',
  'with one upper-case letter': 'app/aPp',
  'that goes up': '..',
  'that goes up in its middle': 'a/../b',
  'that goes up, encoded': '%2e%2e/%2e%2e/etc',
  'that goes up, encoded twice': '%252e%252e/etc',
  'that goes up with encoded slashes': '..%2F..%2Fetc',
  'that stays where it is': 'a/./b',
  'with a backslash': 'a%5C..%5Cb',
  'with an empty component': 'a%2F%2Fb',
  'that starts with a dot': '.hidden/app',
  'that ends with a dot': 'app./x',
  'that starts with an underscore': '_uploads/app',
  'of a directory that the store uses': 'app/_manifests/x',
  'with three underscores': 'a___b',
  'with two dots inside': 'a..b',
  'with a hyphen at its end': 'app-',
  'with a NUL': 'app%00',
  'with a line break': 'app%0d%0aX-Evil:1',
  'with a space': 'a%20b',
  'with a colon': 'host:5000/app',
  'with letters beyond ASCII': 'caf%C3%A9',
  'with digits that only look like digits': 'app%EF%BC%91',
  'of 256 characters': 'a'.repeat(256),
  'of thirty thousand characters that almost match': `${'a-'.repeat(6000)}!`,
};

for (const [how, name] of Object.entries(illegal)) {
  test(`a name ${how} is refused at every endpoint, and the store is not touched`, async (t) => {
    const { port, driver } = await openRegistry(t);
    const { digest } = blobOf('content');
    const requests = [
      `GET /v2/${name}/tags/list`,
      `GET /v2/${name}/manifests/latest`,
      `PUT /v2/${name}/manifests/latest`,
      `DELETE /v2/${name}/manifests/latest`,
      `GET /v2/${name}/blobs/${digest}`,
      `DELETE /v2/${name}/blobs/${digest}`,
      `GET /v2/${name}/referrers/${digest}`,
      `POST /v2/${name}/blobs/uploads/`,
      `POST /v2/${name}/blobs/uploads/?digest=${digest}`,
      `PATCH /v2/${name}/blobs/uploads/0d1c9e5c-6b0b-4b3f-9f43-1d7f0f9d6a11`,
      `PUT /v2/${name}/blobs/uploads/0d1c9e5c-6b0b-4b3f-9f43-1d7f0f9d6a11?digest=${digest}`,
    ];
    for (const line of requests) {
      const answer = await send(port, line, ['Content-Length: 0']);
      assert.ok(answer.status === 400 || answer.status === 404, `${answer.status} ${line.slice(0, 100)}`);
      assertRefused(answer, answer.status);
      assert.doesNotMatch(answer.text, /^X-Evil/im);
    }
    assert.deepEqual(await driver.list(''), []);
  });
}

test('a name of a form that no name has is NAME_INVALID', async (t) => {
  const { http } = await openRegistry(t);
  for (const name of ['UPPER', 'a__b___c', 'a'.repeat(256), '-a', 'a/B']) {
    assertRefused(await http.get(`/v2/${name}/tags/list`), 400, 'NAME_INVALID');
    assertRefused(await http.post(`/v2/${name}/blobs/uploads/`), 400, 'NAME_INVALID');
  }
});

const odd = [
  'a',
  '0',
  'a__b',
  'a--b---c',
  'a.b-c_d',
  'a'.repeat(255),
  Array.from({ length: 100 }, () => 'x').join('/'),
  'blobs',
  'manifests',
  'tags/list',
  'v2',
  'x/manifests/y',
  'x/blobs/uploads',
  'x/blobs/uploads/y',
  'x/referrers',
  'catalog',
  'blobs/uploads/0d1c9e5c-6b0b-4b3f-9f43-1d7f0f9d6a11',
];
for (const name of odd) {
  test(`${name.slice(0, 60)} is a name like any other`, async (t) => {
    const { http } = await openRegistry(t);
    const { digest, bytes, layer } = await pushImage(http, name, 'latest');
    const subject = describe(bytes, mediaTypes.manifest);
    await pushManifest(http, name, 'signature', manifestOf({ fields: { subject } }));
    assert.ok(bytes.equals(bytesOf(await http.get(`/v2/${name}/manifests/latest`).expect(200))));
    await http.get(`/v2/${name}/blobs/${layer}`).expect(200);
    const list = jsonOf(await http.get(`/v2/${name}/tags/list`).expect(200));
    assert.deepEqual(list, { name, tags: ['latest', 'signature'] });
    const referrers = jsonOf(await http.get(`/v2/${name}/referrers/${digest}`).expect(200));
    assert.equal((referrers['manifests'] as unknown[]).length, 1);
    assert.deepEqual(jsonOf(await http.get('/v2/_catalog').expect(200)), { repositories: [name] });
    await http.delete(`/v2/${name}/manifests/${digest}`).expect(202);
  });
}

test('a tag named like an endpoint is a tag like any other', async (t) => {
  const { http } = await openRegistry(t);
  for (const tag of ['list', 'uploads', 'latest.lock', '_catalog', 'constructor', '__proto__', 'toString']) {
    const { digest } = await pushImage(http, 'app', tag);
    const { headers } = await http.get(`/v2/app/manifests/${tag}`).expect(200);
    assert.equal(headers['docker-content-digest'], digest);
  }
});

test('repositories with names that begin alike are kept apart', async (t) => {
  const { http } = await openRegistry(t);
  const names = ['app', 'app/x', 'app-x', 'appx', 'app.x'];
  const digests = [];
  for (const name of names) digests.push(await pushBlob(http, name, name));
  for (const [owner, digest] of digests.entries()) {
    for (const [reader, name] of names.entries()) {
      await http.get(`/v2/${name}/blobs/${digest}`).expect(owner === reader ? 200 : 404);
    }
  }
});
