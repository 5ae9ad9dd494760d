// Times at which the registry lets nothing through, or only reads.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { assertRefused, bytesOf } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import { manifestOf, pushImage, putManifest } from '../support/content.ts';

test('while a check fails every request is refused with 503, the name of the check and a time to try again', async (t) => {
  let failing: readonly string[] = [];
  const { http } = await openRegistry(t, { failingChecks: () => failing });
  await pushImage(http, 'app', 'latest');
  failing = ['storagedriver', 'file 0'];
  for (const path of ['/v2/', '/', '/v2/app/manifests/latest', '/v2/_catalog', '/nothing']) {
    const answer = await http.get(path);
    const { detail } = assertRefused(answer, 503, 'UNAVAILABLE');
    assert.deepEqual(detail, { checks: failing });
    assert.equal(answer.headers['retry-after'], '5');
  }
  assertRefused(await http.post('/v2/app/blobs/uploads/'), 503, 'UNAVAILABLE');
  failing = [];
  await http.get('/v2/app/manifests/latest').expect(200);
});

test('a registry that is read-only serves what it has and refuses every write with 405', async (t) => {
  const driver = createMemoryDriver();
  const writable = await openRegistry(t, { driver });
  const { digest, bytes, layer } = await pushImage(writable.http, 'app', 'latest');
  const maintenance = { readonly: { enabled: true } };
  const settings = { storage: { delete: { enabled: true }, maintenance } };
  const { http } = await openRegistry(t, { driver, settings });
  assert.ok(bytes.equals(bytesOf(await http.get('/v2/app/manifests/latest').expect(200))));
  await http.head(`/v2/app/blobs/${layer}`).expect(200);
  await http.get(`/v2/app/referrers/${digest}`).expect(200);
  await http.get('/v2/').expect(200);
  const writes = [
    http.post('/v2/app/blobs/uploads/'),
    http.post(`/v2/app/blobs/uploads/?mount=${layer}&from=app`),
    putManifest(http, 'app', 'other', manifestOf()),
    http.delete('/v2/app/manifests/latest'),
    http.delete(`/v2/app/manifests/${digest}`),
    http.delete(`/v2/app/blobs/${layer}`),
    http.patch('/v2/app/blobs/uploads/0d1c9e5c-6b0b-4b3f-9f43-1d7f0f9d6a11').send('x'),
  ];
  for (const write of writes) {
    const answer = await write;
    assertRefused(answer, 405, 'UNSUPPORTED');
    assert.equal(answer.headers['allow'], 'GET, HEAD');
  }
  await http.get('/v2/app/manifests/latest').expect(200);
  await http.get('/v2/app/manifests/other').expect(404);
});
