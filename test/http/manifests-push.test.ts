// distribution-spec end-7a, and what a manifest may be (image-spec manifest.md, image-index.md).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, bytesOf } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import {
  algorithms,
  blobOf,
  describe,
  EMPTY_CONFIG,
  encode,
  indexOf,
  manifestOf,
  pushBlob,
  pushImage,
  pushManifest,
  putManifest,
} from '../support/content.ts';
import { mediaTypes } from '../support/sample-image.ts';

for (const algorithm of algorithms) {
  test(`a manifest pushed by its ${algorithm} digest: 201, Location and the digest in the client's algorithm`, async (t) => {
    const { http } = await openRegistry(t);
    await pushBlob(http, 'some/app', EMPTY_CONFIG, algorithm);
    const bytes = manifestOf({ algorithm });
    const { digest } = blobOf(bytes, algorithm);
    const answer = await putManifest(http, 'some/app', digest, bytes).expect(201);
    assert.equal(answer.headers['location'], `/v2/some/app/manifests/${digest}`);
    assert.equal(answer.headers['docker-content-digest'], digest);
    assert.equal(answer.headers['content-length'], '0');
    assert.equal(answer.headers['oci-subject'], undefined);
    assert.equal(answer.headers['oci-tag'], undefined);
    await http.get(`/v2/some/app/manifests/${digest}`).expect(200);
  });

  test(`a manifest that does not have the ${algorithm} digest it is pushed by is refused and not kept`, async (t) => {
    const { http } = await openRegistry(t);
    await pushBlob(http, 'app', EMPTY_CONFIG);
    const { digest } = blobOf('another', algorithm);
    assertRefused(await putManifest(http, 'app', digest, manifestOf()), 400, 'DIGEST_INVALID');
    await http.get(`/v2/app/manifests/${digest}`).expect(404);
    await http.get(`/v2/app/manifests/${blobOf(manifestOf(), algorithm).digest}`).expect(404);
  });

  test(`a layer that is not there is MANIFEST_BLOB_UNKNOWN with its ${algorithm} digest`, async (t) => {
    const { http } = await openRegistry(t);
    await pushBlob(http, 'app', EMPTY_CONFIG, algorithm);
    const bytes = manifestOf({ algorithm, layers: [Buffer.from('never pushed')] });
    const answer = await putManifest(http, 'app', 'latest', bytes);
    const { detail } = assertRefused(answer, 400, 'MANIFEST_BLOB_UNKNOWN');
    assert.deepEqual(detail, { digest: blobOf('never pushed', algorithm).digest });
    await http.get('/v2/app/manifests/latest').expect(404);
  });
}

test('under a tag a manifest has the sha256 digest that every client computes', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const answer = await putManifest(http, 'app', 'latest', manifestOf()).expect(201);
  const { digest } = blobOf(manifestOf());
  assert.equal(answer.headers['location'], `/v2/app/manifests/${digest}`);
  assert.equal(answer.headers['docker-content-digest'], digest);
});

test('a config that is not there is MANIFEST_BLOB_UNKNOWN', async (t) => {
  const { http } = await openRegistry(t);
  assertRefused(await putManifest(http, 'app', 'latest', manifestOf()), 400, 'MANIFEST_BLOB_UNKNOWN');
});

test('a manifest is kept byte for byte: white space, key order, unknown fields, a newline at its end', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const { config } = JSON.parse(manifestOf().toString());
  const odd = `{\n\t"unknown" : {"z": 1.50, "a":"\\u00e9"},\r\n "layers":[ ], "config" :${JSON.stringify(config)},
    "schemaVersion":2}\n\n`;
  const digest = await pushManifest(http, 'app', 'latest', Buffer.from(odd));
  const answer = await http.get(`/v2/app/manifests/${digest}`).expect(200);
  assert.equal(bytesOf(answer).toString(), odd);
});

const accepted: Readonly<Record<string, object>> = {
  'an unknown artifactType': { artifactType: 'application/vnd.nobody.knows; q=1' },
  'an unknown config type': { config: { ...describe(EMPTY_CONFIG, 'application/vnd.own.config+toml') } },
  'an unknown layer type': { layers: [describe(EMPTY_CONFIG, 'text/plain')] },
  'no layers': { layers: [] },
  'no field for layers': { layers: undefined },
  'layers of null, as Go writes an empty list': { layers: null },
  'no mediaType': { mediaType: undefined },
  'the same layer twice': {
    layers: [describe(EMPTY_CONFIG, mediaTypes.layer), describe(EMPTY_CONFIG, mediaTypes.layer)],
  },
  'data in a descriptor': { layers: [{ ...describe(EMPTY_CONFIG, mediaTypes.layer), data: 'e30=' }] },
  annotations: { annotations: { 'org.opencontainers.image.title': 'ünï <img onerror=1>' } },
};
for (const [what, fields] of Object.entries(accepted)) {
  test(`an image manifest with ${what} is accepted and given back`, async (t) => {
    const { http } = await openRegistry(t);
    await pushBlob(http, 'app', EMPTY_CONFIG);
    const bytes = manifestOf({ fields });
    const digest = await pushManifest(http, 'app', 'latest', bytes);
    const answer = await http.get(`/v2/app/manifests/${digest}`).expect(200);
    assert.ok(bytes.equals(bytesOf(answer)));
    assert.equal(answer.headers['content-type'], mediaTypes.manifest);
  });
}

const declared: Readonly<Record<string, string | undefined>> = {
  'without a Content-Type': undefined,
  'as plain JSON': 'application/json',
  'as a form, as curl does it': 'application/x-www-form-urlencoded',
  'with parameters on its type': `${mediaTypes.manifest}; charset=utf-8`,
  'with its type in upper case': mediaTypes.manifest.toUpperCase(),
};
for (const [how, type] of Object.entries(declared)) {
  test(`a manifest sent ${how} is what its mediaType says`, async (t) => {
    const { http } = await openRegistry(t);
    await pushBlob(http, 'app', EMPTY_CONFIG);
    await putManifest(http, 'app', 'latest', manifestOf(), type).expect(201);
    const { headers } = await http.get('/v2/app/manifests/latest').expect(200);
    assert.equal(headers['content-type'], mediaTypes.manifest);
  });
}

test("docker's manifests and lists are accepted as what they are", async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const image = manifestOf({ fields: { mediaType: mediaTypes.dockerManifest } });
  await putManifest(http, 'app', 'image', image, mediaTypes.dockerManifest).expect(201);
  const type = 'application/vnd.docker.distribution.manifest.list.v2+json';
  const list = indexOf([describe(image, mediaTypes.dockerManifest)], { mediaType: type });
  await putManifest(http, 'app', 'list', list, type).expect(201);
  const { headers } = await http.get('/v2/app/manifests/list').expect(200);
  assert.equal(headers['content-type'], type);
});

test('an index is accepted with no manifests, and with children of any type that are there', async (t) => {
  const { http } = await openRegistry(t);
  const { digest, bytes } = await pushImage(http, 'app', 'digest');
  await pushManifest(http, 'app', 'empty', indexOf([]));
  const layer = await pushBlob(http, 'app', 'cached');
  const cache = { mediaType: 'application/vnd.buildkit.cacheconfig.v0', digest: layer, size: 6 };
  const child = { mediaType: 'application/vnd.nobody.knows', digest, size: bytes.length };
  await pushManifest(http, 'app', 'cache', indexOf([cache, child]));
  const nested = indexOf([describe(indexOf([]), mediaTypes.index)]);
  await pushManifest(http, 'app', 'nested', nested);
  const untyped = indexOf([child], { mediaType: undefined });
  await pushManifest(http, 'app', 'untyped', untyped);
  const { headers } = await http.get('/v2/app/manifests/untyped').expect(200);
  assert.equal(headers['content-type'], mediaTypes.index);
});

test('a child that is not there is MANIFEST_BLOB_UNKNOWN', async (t) => {
  const { http } = await openRegistry(t);
  const absent = indexOf([describe(manifestOf(), mediaTypes.manifest)]);
  assertRefused(await putManifest(http, 'app', 'latest', absent), 400, 'MANIFEST_BLOB_UNKNOWN');
});

test('a layer that is fetched from elsewhere need not be there', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const types = [
    'application/vnd.oci.image.layer.nondistributable.v1.tar',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  ];
  const layers = types.map((type) => describe(Buffer.from(type), type));
  await pushManifest(http, 'app', 'latest', manifestOf({ fields: { layers } }));
});

test('a descriptor with another size than its content is refused', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  for (const size of [1, 3, 0]) {
    const config = { ...describe(EMPTY_CONFIG, 'text/plain'), size };
    const answer = await putManifest(http, 'app', 'latest', manifestOf({ fields: { config } }));
    assertRefused(answer, 400, 'MANIFEST_INVALID');
  }
  await http.get('/v2/app/manifests/latest').expect(404);
});

test('pushing the same manifest again answers 201 again', async (t) => {
  const { http } = await openRegistry(t);
  const first = await pushImage(http, 'app', 'latest');
  assert.equal(await pushManifest(http, 'app', 'latest', first.bytes), first.digest);
});

test('a tag moves to what was pushed last, and the manifest before it stays', async (t) => {
  const { http } = await openRegistry(t);
  const first = await pushImage(http, 'app', 'latest', { content: 'first' });
  const second = await pushImage(http, 'app', 'latest', { content: 'second' });
  const { headers } = await http.get('/v2/app/manifests/latest').expect(200);
  assert.equal(headers['docker-content-digest'], second.digest);
  await http.get(`/v2/app/manifests/${first.digest}`).expect(200);
});

test('a tag of an illegal form is refused with 400', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  for (const tag of ['.hidden', '-dash', 'a'.repeat(129), 'a%20b', '%0d%0aX-Evil%3a1', 'a+b']) {
    assertRefused(await putManifest(http, 'app', tag, manifestOf()), 400);
  }
  for (const tag of ['_', 'A', '0', 'a'.repeat(128), 'sha256-zz.sig', 'sha256-.sbom']) {
    await pushManifest(http, 'app', tag, manifestOf());
  }
});

test('an artifact manifest of the release candidates is accepted', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', 'an artifact');
  const mediaType = 'application/vnd.oci.artifact.manifest.v1+json';
  const blobs = [describe(Buffer.from('an artifact'), 'text/plain')];
  const bytes = encode({ mediaType, artifactType: 'text/plain', blobs });
  await putManifest(http, 'app', 'latest', bytes, mediaType).expect(201);
  const { headers } = await http.get('/v2/app/manifests/latest').expect(200);
  assert.equal(headers['content-type'], mediaType);
});
