// The real buildah against the registry.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createContainerTools } from '../support/container-tools.ts';
import { createRegistryClient } from '../support/registry-client.ts';
import { startRegistryUnderTest } from '../support/registry-under-test.ts';
import { whyNotHere } from '../support/system-packages.ts';

test('buildah works against the registry', { skip: whyNotHere(['buildah'], { root: true }) }, async (t) => {
  const registry = await startRegistryUnderTest(t);
  const { directory, buildah } = await createContainerTools(t);
  const client = createRegistryClient(registry.url);
  const folder = join(directory, 'context');
  await mkdir(folder);
  await writeFile(join(folder, 'greeting'), 'made by buildah\n');
  await writeFile(join(folder, 'Containerfile'), 'FROM scratch\nCOPY greeting /\nLABEL by=buildah\n');
  await buildah('bud', '--quiet', '--tag', 'localhost/built:1', folder);

  const formats = {
    oci: 'application/vnd.oci.image.manifest.v1+json',
    v2s2: 'application/vnd.docker.distribution.manifest.v2+json',
  };
  for (const [format, mediaType] of Object.entries(formats)) {
    await t.test(`an image built from scratch is pushed as ${format} and pulled again`, async () => {
      const target = `${registry.host}/demo/buildah:${format}`;
      const digestFile = join(directory, `digest-${format}`);
      const push = ['push', '--quiet', '--tls-verify=false', '--format', format, '--digestfile', digestFile];
      await buildah(...push, 'localhost/built:1', `docker://${target}`);
      const stored = await client.getManifest('demo/buildah', format);
      assert.equal(stored.mediaType, mediaType);
      assert.equal(stored.digest, await readFile(digestFile, 'utf8'));

      await buildah('pull', '--quiet', '--tls-verify=false', `docker://${target}`);
      const container = (await buildah('from', '--pull-never', target)).stdout.trim();
      const mount = (await buildah('mount', container)).stdout.trim();
      assert.equal(await readFile(join(mount, 'greeting'), 'utf8'), 'made by buildah\n');
      await buildah('rm', container);
      await buildah('rmi', target);
    });
  }
});
