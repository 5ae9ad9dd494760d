// What requests tell of themselves: each event as the `registry` image writes it.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { slowDriver } from '../events/slow-store.ts';
import { type Http, openRegistry } from '../support/app.ts';
import {
  blobOf,
  EMPTY_CONFIG,
  EMPTY_TYPE,
  indexOf,
  manifestOf,
  pushBlob,
  pushImage,
  pushManifest,
} from '../support/content.ts';
import { type EventSink, type SunkEvent, startSink } from '../support/event-sink.ts';
import { digestOf, mediaTypes } from '../support/sample-image.ts';

const REPOSITORY = 'team/app';
const LAYER = Buffer.from('a layer');

interface Opened {
  readonly http: Http;
  readonly port: number;
  readonly sink: EventSink;
}

async function open(t: TestContext, settings: { readonly [section: string]: object } = {}): Promise<Opened> {
  const sink = await startSink(t);
  const { notifications = {}, ...others } = settings;
  const endpoints = [{ name: 'sink', url: sink.url, timeout: '10s' }];
  const { http, port } = await openRegistry(t, {
    settings: { ...others, notifications: { endpoints, ...notifications } },
  });
  return { http, port, sink };
}

/** Of the last `count` events, the actions with what they are about. */
function brief(events: readonly SunkEvent[]): unknown[] {
  return events.map(({ action, target }) => ({ action, ...target }));
}

function withoutUrl({ url, ...target }: Readonly<Record<string, unknown>>) {
  return { ...target, path: String(url).replace(/^http:\/\/127\.0\.0\.1:\d+/, '') };
}

test('a push tells of each blob and of the manifest with its tag, and of who sent it from where', async (t) => {
  const { http, port, sink } = await open(t);
  const { digest, bytes, layer } = await pushImage(http, REPOSITORY, 'v1', { content: String(LAYER) });
  const [config, blob, manifest] = await sink.receives(3);
  assert.ok(config && blob && manifest);
  assert.equal(config.target['digest'], digestOf(EMPTY_CONFIG));
  assert.deepEqual(withoutUrl(blob.target), {
    mediaType: 'application/octet-stream',
    size: LAYER.length,
    digest: layer,
    length: LAYER.length,
    repository: REPOSITORY,
    path: `/v2/${REPOSITORY}/blobs/${layer}`,
  });
  assert.deepEqual(withoutUrl(manifest.target), {
    mediaType: mediaTypes.manifest,
    size: bytes.length,
    digest,
    length: bytes.length,
    repository: REPOSITORY,
    tag: 'v1',
    path: `/v2/${REPOSITORY}/manifests/${digest}`,
  });
  assert.equal(manifest.target['url'], `http://127.0.0.1:${port}/v2/${REPOSITORY}/manifests/${digest}`);
  const { id, addr, ...request } = manifest.request;
  assert.match(String(id), /^[0-9a-f-]{36}$/);
  assert.match(String(addr), /^127\.0\.0\.1:\d+$/);
  assert.deepEqual(request, { host: `127.0.0.1:${port}`, method: 'PUT', useragent: '' });
  assert.deepEqual(manifest.actor, {});
  assert.match(String(manifest.source['instanceID']), /^[0-9a-f-]{36}$/);
});

test('a blob that is pushed in chunks, and one that is pushed again, tell their size', async (t) => {
  const { http, sink } = await open(t);
  const { bytes, digest } = blobOf('in chunks');
  for (let time = 0; time < 2; time += 1) {
    const begun = await http.post(`/v2/${REPOSITORY}/blobs/uploads/`).expect(202);
    const location = String(begun.headers['location']);
    const patched = await http.patch(location).send(bytes.subarray(0, 3)).expect(202);
    await http
      .put(`${String(patched.headers['location'])}?digest=${digest}`)
      .send(bytes.subarray(3))
      .expect(201);
  }
  const events = await sink.receives(2);
  for (const { action, target } of events) {
    assert.equal(action, 'push');
    assert.equal(target['size'], bytes.length);
  }
});

test('a push by digest with tags tells of each tag, and one without of none', async (t) => {
  const { http, sink } = await open(t);
  await pushBlob(http, REPOSITORY, EMPTY_CONFIG);
  const bytes = manifestOf();
  const digest = digestOf(bytes);
  await pushManifest(http, REPOSITORY, digest, bytes);
  await http.put(`/v2/${REPOSITORY}/manifests/${digest}?tag=a&tag=b`).send(bytes).expect(201);
  const events = await sink.receives(4);
  assert.deepEqual(
    events.slice(1).map(({ target }) => target['tag']),
    [undefined, 'a', 'b'],
  );
});

test('pulls tell when they were answered with content, and not for HEAD, 304 or 404', async (t) => {
  const { http, sink } = await open(t);
  const { digest, layer } = await pushImage(http, REPOSITORY, 'v1', { content: String(LAYER) });
  const manifest = (reference: string) => `/v2/${REPOSITORY}/manifests/${reference}`;
  const blob = `/v2/${REPOSITORY}/blobs/${layer}`;
  await http.head(manifest('v1')).expect(200);
  await http.head(blob).expect(200);
  await http.get(manifest('v1')).set('If-None-Match', `"${digest}"`).expect(304);
  await http.get(blob).set('If-None-Match', `"${layer}"`).expect(304);
  await http.get(manifest('v2')).expect(404);
  await http.get(`/v2/other/blobs/${layer}`).expect(404);
  await http.get(blob).set('Range', 'bytes=100-').expect(416);
  await http.get(manifest('v1')).expect(200);
  await http.get(manifest(digest)).expect(200);
  await http.get(blob).expect(200);
  await http.get(blob).set('Range', 'bytes=1-2').expect(206);
  const events = (await sink.receives(7)).slice(3);
  assert.deepEqual(
    events.map(({ action, target }) => [action, target['digest'], target['tag'], target['size']]),
    [
      ['pull', digest, 'v1', events[0]?.target['size']],
      ['pull', digest, undefined, events[0]?.target['size']],
      ['pull', layer, undefined, LAYER.length],
      ['pull', layer, undefined, LAYER.length],
    ],
  );
});

test('a mount tells where it came from, and no push', async (t) => {
  const { http, sink } = await open(t);
  const layer = await pushBlob(http, REPOSITORY, LAYER);
  await http.post(`/v2/other/blobs/uploads/?mount=${layer}&from=${REPOSITORY}`).expect(201);
  const [, mount] = await sink.receives(2);
  assert.equal(mount?.action, 'mount');
  assert.deepEqual(withoutUrl(mount?.target ?? {}), {
    mediaType: 'application/octet-stream',
    size: LAYER.length,
    digest: layer,
    length: LAYER.length,
    repository: 'other',
    fromRepository: REPOSITORY,
    path: `/v2/other/blobs/${layer}`,
  });
});

test('deletes tell of a tag, of a blob, and of a manifest with the tags that go with it', async (t) => {
  const { http, sink } = await open(t);
  const { digest, bytes, layer } = await pushImage(http, REPOSITORY, 'v1', { content: String(LAYER) });
  await pushManifest(http, REPOSITORY, 'v2', bytes);
  await http.delete(`/v2/${REPOSITORY}/manifests/v1`).expect(202);
  await http.delete(`/v2/${REPOSITORY}/manifests/${digest}`).expect(202);
  await http.delete(`/v2/${REPOSITORY}/blobs/${layer}`).expect(202);
  await http.delete(`/v2/${REPOSITORY}/blobs/${layer}`).expect(404);
  const events = (await sink.receives(8)).slice(4);
  const repository = REPOSITORY;
  assert.deepEqual(brief(events), [
    { action: 'delete', tag: 'v1', repository },
    { action: 'delete', digest, repository },
    { action: 'delete', tag: 'v2', repository },
    { action: 'delete', digest: layer, repository },
  ]);
});

test('with includereferences a manifest tells what it refers to, config first', async (t) => {
  const { http, sink } = await open(t, { notifications: { events: { includereferences: true } } });
  const { digest, bytes, layer } = await pushImage(http, REPOSITORY, 'v1', { content: String(LAYER) });
  const child = {
    mediaType: mediaTypes.manifest,
    digest,
    size: bytes.length,
    platform: { architecture: 'arm64', os: 'linux' },
  };
  await pushManifest(http, REPOSITORY, 'index', indexOf([child]));
  const [, , manifest, index] = await sink.receives(4);
  assert.deepEqual(manifest?.target['references'], [
    { mediaType: EMPTY_TYPE, digest: digestOf(EMPTY_CONFIG), size: 2 },
    { mediaType: mediaTypes.layer, digest: layer, size: LAYER.length },
  ]);
  assert.deepEqual(index?.target['references'], [child]);
});

test('under http.host and http.prefix the URLs of events are those of the outside', async (t) => {
  const { http, sink } = await open(t, { http: { host: 'https://registry.example.com', prefix: '/r' } });
  await http
    .post(`/r/v2/${REPOSITORY}/blobs/uploads/?digest=${blobOf(LAYER).digest}`)
    .send(LAYER)
    .expect(201);
  const [push] = await sink.receives(1);
  const { digest } = blobOf(LAYER);
  assert.equal(push?.target['url'], `https://registry.example.com/r/v2/${REPOSITORY}/blobs/${digest}`);
});

test('the actor is who logged in', async (t) => {
  const { http, sink } = await open(t, { auth: { silly: { realm: 'r', service: 's' } } });
  const { digest } = blobOf(LAYER);
  const post = http.post(`/v2/${REPOSITORY}/blobs/uploads/?digest=${digest}`);
  await post.set('Authorization', 'Basic eA==').send(LAYER).expect(201);
  const [push] = await sink.receives(1);
  assert.deepEqual(push?.actor, { name: 'silly' });
});

test('what was refused tells nothing', async (t) => {
  const { http, sink } = await open(t);
  const { digest } = blobOf('something else');
  await http.post(`/v2/${REPOSITORY}/blobs/uploads/?digest=${digest}`).send(LAYER).expect(400);
  await http.put(`/v2/${REPOSITORY}/manifests/v1`).send('{}').expect(400);
  await http.delete(`/v2/${REPOSITORY}/manifests/v1`).expect(404);
  const layer = await pushBlob(http, REPOSITORY, LAYER);
  const [first] = await sink.receives(1);
  assert.equal(first?.target['digest'], layer);
});

test('a receiver that never answers slows no push', async (t) => {
  const never = Promise.withResolvers<void>();
  const sink = await startSink(t, () => ({ status: 200, after: never.promise }));
  const endpoints = [{ name: 'never', url: sink.url, timeout: '1h' }];
  const { http } = await openRegistry(t, { settings: { notifications: { endpoints } } });
  for (let image = 0; image < 10; image += 1) await pushImage(http, REPOSITORY, `v${image}`);
  while (sink.attempts() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(sink.taken.length, 0);
  never.resolve();
});

test('a store that takes no events refuses no push, unless durability is strict', async (t) => {
  for (const durability of ['relaxed', 'strict']) {
    const { driver, fail } = slowDriver(createMemoryDriver());
    fail();
    const sink = await startSink(t);
    const endpoints = [{ name: 'sink', url: sink.url }];
    const { http } = await openRegistry(t, {
      driver,
      settings: { notifications: { durability, endpoints } },
    });
    const push = http.post(`/v2/${REPOSITORY}/blobs/uploads/?digest=${blobOf(LAYER).digest}`).send(LAYER);
    await push.expect(durability === 'strict' ? 507 : 201);
  }
});
