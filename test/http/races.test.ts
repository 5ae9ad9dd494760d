// Requests that run at once, on a store that is slow enough for them to meet.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { assertRefused, headerOf, jsonOf } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import { beginUpload, manifestOf, pushImage, putManifest } from '../support/content.ts';
import { slowDriver, turns } from '../support/slow-driver.ts';

const openSlowly = (t: Parameters<typeof openRegistry>[0]) =>
  openRegistry(t, { driver: slowDriver(createMemoryDriver()) });

test('of many clients that replace what they have seen one succeeds', async (t) => {
  const { http } = await openSlowly(t);
  const { digest } = await pushImage(http, 'app', 'latest');
  const manifests = Array.from({ length: 8 }, (_, number) =>
    manifestOf({ fields: { annotations: { number: String(number) } } }),
  );
  const answers = await Promise.all(
    manifests.map((bytes) => putManifest(http, 'app', 'latest', bytes).set('If-Match', `"${digest}"`)),
  );
  const statuses = answers.map((answer) => answer.status).sort();
  assert.deepEqual(statuses, [201, ...Array.from({ length: 7 }, () => 412)]);
  const winner = answers.find((answer) => answer.status === 201);
  const { headers } = await http.get('/v2/app/manifests/latest').expect(200);
  assert.equal(headers['docker-content-digest'], winner?.headers['docker-content-digest']);
});

test('of two chunks for the same place one is taken, and the other is refused with 416', async (t) => {
  const { http } = await openSlowly(t);
  const location = await beginUpload(http, 'app');
  const send = (text: string) => http.patch(location).set('Content-Range', '0-4').send(text);
  const answers = await Promise.all([send('first'), send('other')]);
  assert.deepEqual(answers.map((answer) => answer.status).sort(), [202, 416]);
  for (const answer of answers) assert.equal(headerOf(answer, 'Range'), '0-4');
  for (const answer of answers) if (answer.status === 416) assertRefused(answer, 416, 'BLOB_UPLOAD_INVALID');
});

test('a tag that is pushed while its manifest is deleted resolves or is gone, and never points nowhere', async (t) => {
  const { http } = await openSlowly(t);
  const { digest, bytes } = await pushImage(http, 'app', 'latest');
  for (let head = 0; head < 60; head += 4) {
    const push = putManifest(http, 'app', 'latest', bytes);
    const pushed = push.then((answer) => answer.status);
    await turns(head);
    const deleted = await http.delete(`/v2/app/manifests/${digest}`);
    assert.ok(deleted.status === 202 || deleted.status === 404, String(deleted.status));
    assert.equal(await pushed, 201);
    const { status } = await http.get('/v2/app/manifests/latest');
    const { tags } = jsonOf(await http.get('/v2/app/tags/list').expect(200));
    assert.deepEqual(tags, status === 200 ? ['latest'] : [], `${head} turns apart`);
  }
});

test('a deletion that meets many pushes of the same manifest leaves no tag that points nowhere', async (t) => {
  const { http } = await openSlowly(t);
  const { digest, bytes } = await pushImage(http, 'app', 'first');
  const names = Array.from({ length: 10 }, (_, number) => `v${number}`);
  const pushes = names.map((tag) => putManifest(http, 'app', tag, bytes).then((answer) => answer.status));
  const deletion = http.delete(`/v2/app/manifests/${digest}`).then((answer) => answer.status);
  assert.deepEqual(await Promise.all([...pushes, deletion]), [...names.map(() => 201), 202]);
  const { tags } = jsonOf(await http.get('/v2/app/tags/list').expect(200));
  assert.ok(Array.isArray(tags));
  for (const tag of tags) await http.get(`/v2/app/manifests/${tag}`).expect(200);
});
