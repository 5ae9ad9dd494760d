// Where answers send clients to: paths alone, unless the configuration says otherwise.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { createLocations } from '../../src/http/locations.ts';
import { parseDigest } from '../../src/registry/digest.ts';
import { parseRepositoryName } from '../../src/registry/name.ts';
import { parseSessionId } from '../../src/registry/sessions.ts';
import { headerOf } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import { blobOf, pushBlob, pushImage, withQuery } from '../support/content.ts';

const upload = {
  repository: parseRepositoryName('some/app'),
  id: parseSessionId('0d1c9e5c-6b0b-4b3f-9f43-1d7f0f9d6a11'),
  startedAt: new Date('2026-11-20T12:00:00.000Z'),
  size: 42,
};
const digest = parseDigest(blobOf('content').digest);

test('locations are paths', () => {
  const locations = createLocations({ prefix: '' });
  assert.equal(locations.blob(upload.repository, digest), `/v2/some/app/blobs/${digest}`);
  assert.equal(locations.manifest(upload.repository, digest), `/v2/some/app/manifests/${digest}`);
  assert.equal(locations.upload(upload), `/v2/some/app/blobs/uploads/${upload.id}`);
  assert.equal(locations.path(upload.repository, 'tags/list'), '/v2/some/app/tags/list');
  assert.equal(locations.rootPath('_catalog'), '/v2/_catalog');
});

test('a configured host stands in front of locations, and not in front of a Link', () => {
  const locations = createLocations({ prefix: '/registry', host: 'https://registry.example.com/' });
  const base = 'https://registry.example.com/registry/v2/some/app';
  assert.equal(locations.blob(upload.repository, digest), `${base}/blobs/${digest}`);
  assert.equal(locations.upload(upload), `${base}/blobs/uploads/${upload.id}`);
  assert.equal(locations.path(upload.repository, 'tags/list'), '/registry/v2/some/app/tags/list');
});

test('with a secret an upload carries the state that the registry image checks: HMAC-SHA256 and JSON, URL-safe', () => {
  const location = createLocations({ prefix: '', secret: 'the secret' }).upload(upload);
  const url = new URL(location, 'http://any.test');
  assert.equal(url.pathname, `/v2/some/app/blobs/uploads/${upload.id}`);
  const token = url.searchParams.get('_state') ?? '';
  assert.match(token, /^[A-Za-z0-9_-]+={0,2}$/);
  assert.equal(token.length % 4, 0, 'with its padding');
  const state = Buffer.from(token, 'base64url');
  const document = state.subarray(32);
  assert.ok(state.subarray(0, 32).equals(createHmac('sha256', 'the secret').update(document).digest()));
  assert.deepEqual(JSON.parse(document.toString()), {
    Name: 'some/app',
    UUID: upload.id,
    Offset: 42,
    StartedAt: '2026-11-20T12:00:00.000Z',
  });
});

test('what comes back of the state is never believed: any, none or another one is as good', async (t) => {
  const { http } = await openRegistry(t, { settings: { http: { secret: 'the secret' } } });
  const begun = headerOf(await http.post('/v2/app/blobs/uploads/').expect(202), 'Location');
  const [path = ''] = begun.split('?');
  assert.match(begun, /\?_state=/);
  const patched = await http.patch(`${path}?_state=forged`).send('01234').expect(202);
  assert.equal(patched.headers['range'], '0-4');
  assert.notEqual(patched.headers['location'], begun, 'the offset in the state has moved');
  const { digest: whole } = blobOf('01234');
  await http.put(withQuery(path, `digest=${whole}`)).expect(201);
});

test('everything is served below a configured prefix, and nothing beside it', async (t) => {
  const { http } = await openRegistry(t, { settings: { http: { prefix: '/registry/' } } });
  await http.get('/registry/v2/').expect(200);
  await http.get('/v2/').expect(404);
  const { digest: pushed, bytes } = blobOf('content');
  const answer = await http.post(`/registry/v2/app/blobs/uploads/?digest=${pushed}`).send(bytes).expect(201);
  assert.equal(answer.headers['location'], `/registry/v2/app/blobs/${pushed}`);
  await http.get(headerOf(answer, 'Location')).expect(200);
  await http.post(`/registry/v2/other/blobs/uploads/?digest=${pushed}`).send(bytes).expect(201);
  const { headers } = await http.get('/registry/v2/_catalog?n=1').expect(200);
  assert.equal(headers['link'], '</registry/v2/_catalog?last=app&n=1>; rel="next"');
  await http.get('/registry/v1/_ping').expect(200);
});

test('no header of a request changes where a client is sent', async (t) => {
  const { http } = await openRegistry(t);
  await pushImage(http, 'app', 'a');
  await pushImage(http, 'app', 'b');
  const headers = {
    Host: 'evil.test',
    'X-Forwarded-Host': 'evil.test',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Prefix': '/evil',
    Forwarded: 'host=evil.test;proto=https',
    Referer: 'https://evil.test/',
  };
  const begun = await http.post('/v2/app/blobs/uploads/').set(headers).expect(202);
  assert.match(headerOf(begun, 'Location'), /^\/v2\/app\/blobs\/uploads\/[0-9a-f-]{36}$/);
  const list = await http.get('/v2/app/tags/list?n=1').set(headers).expect(200);
  assert.equal(list.headers['link'], '</v2/app/tags/list?last=a&n=1>; rel="next"');
});

test('a configured host is used whatever the request says', async (t) => {
  const { http } = await openRegistry(t, { settings: { http: { host: 'https://registry.example.com' } } });
  const pushed = await pushBlob(http, 'app', 'content');
  const answer = await http
    .post(`/v2/app/blobs/uploads/?mount=${pushed}`)
    .set('X-Forwarded-Host', 'evil.test')
    .expect(201);
  assert.equal(answer.headers['location'], `https://registry.example.com/v2/app/blobs/${pushed}`);
});
