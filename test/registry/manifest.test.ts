// What a manifest says, and under which type stored bytes are served. How bad ones are refused: http/hostile-manifests.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mediaTypeOf, parseManifest, readManifest } from '../../src/registry/manifest.ts';
import { essenceOf, isForeignLayer, shapeOf } from '../../src/registry/media-types.ts';
import { describe, EMPTY_CONFIG, EMPTY_TYPE, encode, indexOf, manifestOf } from '../support/content.ts';
import { mediaTypes } from '../support/sample-image.ts';

const config = describe(EMPTY_CONFIG, EMPTY_TYPE);
const layer = describe(Buffer.from('a layer'), mediaTypes.layer);

test('the blobs of an image are its config and its layers, less those that are fetched from elsewhere', () => {
  const type = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
  const foreign = { ...describe(Buffer.from('x'), type), urls: ['https://example.com/x'] };
  const manifest = parseManifest(manifestOf({ fields: { layers: [layer, foreign] } }));
  assert.deepEqual(manifest.blobs, [config, layer]);
  assert.deepEqual(manifest.foreignLayers, [foreign]);
  assert.deepEqual(manifest.children, []);
});

test('the children of an index are what it lists, with their platforms', () => {
  const child = { ...layer, platform: { architecture: 'arm64', os: 'linux', variant: 'v8' } };
  const manifest = parseManifest(indexOf([child, layer]));
  assert.deepEqual(manifest.children, [
    { ...layer, platform: { architecture: 'arm64', os: 'linux' } },
    layer,
  ]);
  assert.deepEqual(manifest.blobs, []);
});

test('the artifact type is that of the manifest, else of its config; an index has none but its own', () => {
  assert.equal(parseManifest(manifestOf()).artifactType, EMPTY_TYPE);
  assert.equal(parseManifest(manifestOf({ fields: { artifactType: 'text/own' } })).artifactType, 'text/own');
  assert.equal(parseManifest(manifestOf({ fields: { artifactType: '' } })).artifactType, EMPTY_TYPE);
  assert.equal(parseManifest(indexOf([])).artifactType, undefined);
  assert.equal(parseManifest(indexOf([], { artifactType: 'text/own' })).artifactType, 'text/own');
});

test('null stands for a field that is not there, as Go writes it', () => {
  const nothing = { layers: null, subject: null, annotations: null, artifactType: null };
  const manifest = parseManifest(manifestOf({ fields: nothing }));
  assert.deepEqual(manifest.blobs, [config]);
  assert.equal(manifest.subject, undefined);
  assert.equal(manifest.annotations, undefined);
});

test('bytes without a mediaType are an index if they list manifests, an image if not', () => {
  const untyped = { mediaType: undefined };
  assert.equal(parseManifest(manifestOf({ fields: untyped })).mediaType, mediaTypes.manifest);
  assert.equal(parseManifest(indexOf([], untyped)).mediaType, mediaTypes.index);
  assert.equal(
    parseManifest(manifestOf({ fields: untyped }), mediaTypes.manifest).mediaType,
    mediaTypes.manifest,
  );
});

const served: readonly (readonly [what: string, bytes: Buffer, type: string | undefined])[] = [
  ['an image', manifestOf(), mediaTypes.manifest],
  [
    "docker's image",
    manifestOf({ fields: { mediaType: mediaTypes.dockerManifest } }),
    mediaTypes.dockerManifest,
  ],
  ['an index without a type', indexOf([], { mediaType: undefined }), mediaTypes.index],
  ['an image without a type', manifestOf({ fields: { mediaType: undefined } }), mediaTypes.manifest],
  ['a type that is not known', encode({ mediaType: 'application/vnd.own+json' }), 'application/vnd.own+json'],
  ['schema 1', encode({ schemaVersion: 1 }), 'application/vnd.docker.distribution.manifest.v1+prettyjws'],
  ['a type that is none', manifestOf({ fields: { mediaType: 'a\r\nX: 1' } }), mediaTypes.manifest],
  ['an object of nothing', encode({}), mediaTypes.manifest],
  ['no object', encode([]), undefined],
  ['no JSON', Buffer.from('torn {'), undefined],
  ['nothing', Buffer.alloc(0), undefined],
];
for (const [what, bytes, type] of served) {
  test(`stored bytes that are ${what} are served as ${type ?? 'no manifest at all'}`, () => {
    assert.equal(mediaTypeOf(bytes), type);
  });
}

test('a stored manifest that cannot be understood is no failure', () => {
  assert.equal(readManifest(Buffer.from('torn {')), undefined);
  assert.equal(readManifest(encode({ schemaVersion: 1 })), undefined);
  assert.equal(readManifest(manifestOf())?.mediaType, mediaTypes.manifest);
});

test('a Content-Type counts without its parameters and its case', () => {
  assert.equal(essenceOf(' Application/JSON ; charset=utf-8'), 'application/json');
  assert.equal(essenceOf(''), '');
  assert.equal(essenceOf(';'), '');
});

test('the types of manifests have a shape, others none', () => {
  assert.equal(shapeOf(mediaTypes.dockerManifest), 'image');
  assert.equal(shapeOf(mediaTypes.index), 'index');
  assert.equal(shapeOf('application/json'), undefined);
  assert.equal(shapeOf('constructor'), undefined);
});

test('layers of the non-distributable types are fetched from elsewhere', () => {
  assert.ok(isForeignLayer('application/vnd.oci.image.layer.nondistributable.v1.tar+zstd'));
  assert.ok(isForeignLayer('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'));
  assert.ok(!isForeignLayer(mediaTypes.layer));
});
