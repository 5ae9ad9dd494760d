// Bodies that are no manifest, or two at once (GHSA-qq97-vm5h-rrhg, CVE-2021-41190).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, jsonOf } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import {
  blobOf,
  describe,
  EMPTY_CONFIG,
  EMPTY_TYPE,
  encode,
  manifestOf,
  pushBlob,
  putManifest,
} from '../support/content.ts';
import { mediaTypes } from '../support/sample-image.ts';

const MIB = 1024 * 1024;
const config = describe(EMPTY_CONFIG, EMPTY_TYPE);
const { digest } = config;
const layer = describe(EMPTY_CONFIG, mediaTypes.layer);
const text = manifestOf().toString();

function replaced(search: string, by: string): Buffer {
  assert.ok(text.includes(search));
  return Buffer.from(text.replace(search, by));
}

function fieldsOf(fields: object): Buffer {
  return manifestOf({ fields });
}

const bodies: Readonly<Record<string, Buffer>> = {
  'nothing at all': Buffer.alloc(0),
  'text that is no JSON': Buffer.from('schemaVersion: 2'),
  'JSON that breaks off': Buffer.from(text.slice(0, -1)),
  'JSON with something behind it': Buffer.from(`${text}{}`),
  'a list': Buffer.from('[]'),
  null: Buffer.from('null'),
  'a string': Buffer.from('"manifest"'),
  'a key that is there twice': replaced('"schemaVersion":2', '"schemaVersion":2,"schemaVersion":2'),
  'a key that is there twice, once escaped': replaced('"layers":[]', '"layers":[],"l\\u0061yers":[]'),
  'a key that is there twice deep inside': replaced('"size":2', '"size":2,"size":2'),
  'a key in another case': replaced('"layers":[]', '"layers":[],"Layers":[]'),
  'only a key in another case': replaced('"layers"', '"LAYERS"'),
  'a byte order mark': Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(text)]),
  'UTF-16': Buffer.from(text, 'utf16le'),
  'bytes that are not UTF-8': Buffer.from(
    text.replace('"schemaVersion"', '"x":"\xff\xfe","schemaVersion"'),
    'latin1',
  ),
  'a number beyond all bounds': replaced('"size":2', '"size":2,"x":1e999'),
  'a hundred thousand open brackets': Buffer.from('['.repeat(100_000)),
  'lists nested a hundred thousand deep': replaced(
    '"layers":[]',
    `"layers":[],"x":${'['.repeat(100_000)}${']'.repeat(100_000)}`,
  ),
  'no schemaVersion': fieldsOf({ schemaVersion: undefined }),
  'schemaVersion 1': fieldsOf({ schemaVersion: 1 }),
  'schemaVersion as text': fieldsOf({ schemaVersion: '2' }),
  'no config': fieldsOf({ config: undefined }),
  'a config that is a list': fieldsOf({ config: [] }),
  'manifests beside layers': fieldsOf({ manifests: [] }),
  'blobs beside layers': fieldsOf({ blobs: [] }),
  'fields of schema 1': fieldsOf({ fsLayers: [] }),
  'layers that are no list': fieldsOf({ layers: {} }),
  'a layer that is null': fieldsOf({ layers: [null] }),
  'a layer without a digest': fieldsOf({ layers: [{ ...layer, digest: undefined }] }),
  'a layer with a digest of upper-case hex': fieldsOf({
    layers: [{ ...layer, digest: digest.toUpperCase() }],
  }),
  'a layer with a path for a digest': fieldsOf({
    layers: [{ ...layer, digest: 'sha256:../../../etc/passwd' }],
  }),
  'a layer with a digest that is not supported': fieldsOf({
    layers: [{ ...layer, digest: `md5:${'0'.repeat(32)}` }],
  }),
  'a layer of negative size': fieldsOf({ layers: [{ ...layer, size: -1 }] }),
  'a layer of half a byte': fieldsOf({ layers: [{ ...layer, size: 0.5 }] }),
  'a layer of more bytes than can be counted': replaced(
    '"layers":[]',
    `"layers":[{"mediaType":"a/b","digest":"${digest}","size":9223372036854775808}]`,
  ),
  'a layer with its size as text': fieldsOf({ layers: [{ ...layer, size: '2' }] }),
  'a layer without a media type': fieldsOf({ layers: [{ ...layer, mediaType: undefined }] }),
  'a layer with a media type that is none': fieldsOf({ layers: [{ ...layer, mediaType: 'a\r\nX-Evil: 1' }] }),
  'annotations that are not text': fieldsOf({ annotations: { a: 1 } }),
  'a mediaType that is not text': fieldsOf({ mediaType: 7 }),
  'a subject that is text': fieldsOf({ subject: digest }),
  'a mediaType that is no manifest': fieldsOf({ mediaType: 'application/octet-stream' }),
  'the mediaType of an index': fieldsOf({ mediaType: mediaTypes.index }),
  'an index with a config': encode({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [], config }),
  'an index with layers': encode({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [],
    layers: [],
  }),
  'an index without a type, with layers': encode({ schemaVersion: 2, manifests: [], layers: [] }),
  'signed schema 1': encode({
    schemaVersion: 1,
    name: 'app',
    tag: 'latest',
    fsLayers: [{ blobSum: digest }],
    history: [{ v1Compatibility: '{}' }],
    signatures: [{ signature: 'x' }],
  }),
};
for (const [what, bytes] of Object.entries(bodies)) {
  test(`a manifest that is ${what} or has it is MANIFEST_INVALID, by tag and by digest, and is not kept`, async (t) => {
    const { http } = await openRegistry(t);
    await pushBlob(http, 'app', EMPTY_CONFIG);
    const hash = blobOf(bytes).digest;
    assertRefused(await putManifest(http, 'app', 'latest', bytes), 400, 'MANIFEST_INVALID');
    assertRefused(await putManifest(http, 'app', hash, bytes), 400, 'MANIFEST_INVALID');
    await http.get('/v2/app/manifests/latest').expect(404);
    await http.get(`/v2/app/manifests/${hash}`).expect(404);
    assert.deepEqual(jsonOf(await http.get('/v2/app/tags/list').expect(200))['tags'], []);
  });
}

test('a Content-Type that contradicts the mediaType in the bytes is refused', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const untyped = fieldsOf({ mediaType: undefined });
  assertRefused(
    await putManifest(http, 'app', 'x', manifestOf(), mediaTypes.dockerManifest),
    400,
    'MANIFEST_INVALID',
  );
  assertRefused(await putManifest(http, 'app', 'x', manifestOf(), mediaTypes.index), 400, 'MANIFEST_INVALID');
  assertRefused(
    await putManifest(http, 'app', 'x', untyped, mediaTypes.dockerManifest),
    400,
    'MANIFEST_INVALID',
  );
  assertRefused(await putManifest(http, 'app', 'x', manifestOf(), 'text/html'), 400, 'MANIFEST_INVALID');
});

test('what looks like a prototype is data like any other', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const bytes = replaced(
    '"layers":[]',
    '"layers":[],"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}',
  );
  await putManifest(http, 'app', 'latest', bytes).expect(201);
  assert.equal(Reflect.get({}, 'polluted'), undefined);
});

/** A manifest of exactly so many bytes. */
function manifestOfSize(size: number): Buffer {
  const empty = fieldsOf({ annotations: { filling: '' } });
  return fieldsOf({ annotations: { filling: 'x'.repeat(size - empty.length) } });
}

test('a manifest of 4 MiB is accepted, one of a byte more is 413', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  await putManifest(http, 'app', 'most', manifestOfSize(4 * MIB)).expect(201);
  await http.get('/v2/app/manifests/most').expect(200);
  const answer = await putManifest(http, 'app', 'more', manifestOfSize(4 * MIB + 1));
  assertRefused(answer, 413, 'MANIFEST_INVALID');
  await http.get('/v2/app/manifests/more').expect(404);
});

test('a manifest of many layers is looked at without opening them all at once', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const layers = Array.from({ length: 10_000 }, () => layer);
  await putManifest(http, 'app', 'latest', fieldsOf({ layers })).expect(201);
  const missing = Array.from({ length: 5_000 }, (_, number) => describe(Buffer.from(String(number)), 'a/b'));
  assertRefused(
    await putManifest(http, 'app', 'x', fieldsOf({ layers: missing })),
    400,
    'MANIFEST_BLOB_UNKNOWN',
  );
});

test('a manifest of many keys that look alike is read in no time', async (t) => {
  const { http } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const annotations = Object.fromEntries(
    Array.from({ length: 100_000 }, (_, number) => [String(number * 65_536), '']),
  );
  await putManifest(http, 'app', 'latest', fieldsOf({ annotations })).expect(201);
});

test('a compressed manifest is refused with 415 and not unpacked', async (t) => {
  const { http } = await openRegistry(t);
  for (const encoding of ['gzip', 'br', 'zstd', 'deflate', 'gzip, gzip']) {
    const request = putManifest(http, 'app', 'latest', manifestOf()).set('Content-Encoding', encoding);
    assertRefused(await request, 415, 'UNSUPPORTED');
  }
});

test('a layer that is anything at all is kept as it is: a bomb, a path, a web page', async (t) => {
  const { http } = await openRegistry(t);
  for (const content of ['\x1f\x8b\x08\0broken gzip', '../../etc/passwd', '<script>', '\0'.repeat(10_000)]) {
    const pushed = await pushBlob(http, 'app', content);
    assert.equal(String((await http.get(`/v2/app/blobs/${pushed}`).expect(200)).body), content);
  }
});
