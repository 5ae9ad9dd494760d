// Lists of referrers that clients kept themselves, before the registry did (distribution-spec, "Referrers Tag Schema").
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRegistry } from '../support/app.ts';
import { describe, EMPTY_CONFIG, indexOf, pushBlob, pushImage, pushManifest } from '../support/content.ts';
import { listed, pushReferrer } from '../support/referrers.ts';
import { mediaTypes } from '../support/sample-image.ts';

test('a list that a client kept under the fallback tag is merged in, as far as the manifests bear it out', async (t) => {
  const { http, driver } = await openRegistry(t);
  const { bytes } = await pushImage(http, 'app', 'latest');
  const subject = describe(bytes, mediaTypes.manifest);
  const real = await pushReferrer(http, subject, { artifactType: 'text/real' });
  const stranger = await pushReferrer(http, describe(Buffer.from('other'), 'text/plain'));
  // As if the manifest had been pushed to a registry that keeps no such list.
  await driver.delete(`docker/registry/v2/repositories/app/_berth`);
  assert.deepEqual(await listed(http, subject.digest), []);
  const claims = { artifactType: 'text/invented', annotations: { invented: 'yes' } };
  const fallback = `sha256-${subject.digest.slice('sha256:'.length)}`;
  await pushManifest(
    http,
    'app',
    fallback,
    indexOf([
      { ...real, ...claims },
      { ...stranger, ...claims },
    ]),
  );
  const expected = [{ ...real, artifactType: 'text/real' }];
  assert.deepEqual(await listed(http, subject.digest), expected);
  assert.equal(
    (await http.get(`/v2/app/manifests/${fallback}`).expect(200)).headers['content-type'],
    mediaTypes.index,
  );
  await pushReferrer(http, subject, { artifactType: 'text/real' });
  assert.deepEqual(await listed(http, subject.digest), expected, 'noted and tagged is listed once');
});

test('the fallback tag of a sha512 digest is cut to 64 digits', async (t) => {
  const { http, driver } = await openRegistry(t);
  const image = await pushImage(http, 'app', 'digest', { algorithm: 'sha512' });
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const subject = describe(image.bytes, mediaTypes.manifest, 'sha512');
  const entry = await pushReferrer(http, subject);
  await driver.delete('docker/registry/v2/repositories/app/_berth');
  const fallback = `sha512-${subject.digest.slice('sha512:'.length, 'sha512:'.length + 64)}`;
  await pushManifest(http, 'app', fallback, indexOf([entry]));
  assert.equal((await listed(http, subject.digest)).length, 1);
});

test('a fallback tag that is no index, or an illegal one, disturbs nothing', async (t) => {
  const { http } = await openRegistry(t);
  const { bytes, digest } = await pushImage(http, 'app', 'latest');
  await pushManifest(http, 'app', `sha256-${digest.slice('sha256:'.length)}`, bytes);
  assert.deepEqual(await listed(http, digest), []);
});
