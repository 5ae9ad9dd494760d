// The real podman against the registry.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createContainerTools, podmanPrograms } from '../support/container-tools.ts';
import { createRegistryClient } from '../support/registry-client.ts';
import { startRegistryUnderTest } from '../support/registry-under-test.ts';
import { whyNotHere } from '../support/system-packages.ts';

test('podman works against the registry', { skip: whyNotHere(podmanPrograms, { root: true }) }, async (t) => {
  const registry = await startRegistryUnderTest(t);
  const { directory, podman } = await createContainerTools(t);
  const client = createRegistryClient(registry.url);
  const app = `${registry.host}/demo/podman-app`;
  const insecure = '--tls-verify=false';
  const digests: string[] = [];

  await t.test('an image that podman built is pushed', async () => {
    for (const architecture of ['amd64', 'arm64']) {
      const folder = join(directory, architecture);
      await mkdir(folder);
      await writeFile(join(folder, 'greeting'), `podman on ${architecture}\n`);
      await writeFile(join(folder, 'Containerfile'), 'FROM scratch\nCOPY greeting /\n');
      const name = `${app}:${architecture}`;
      await podman('build', '--quiet', '--platform', `linux/${architecture}`, '--tag', name, folder);
      const digestFile = join(folder, 'digest');
      await podman('push', insecure, '--digestfile', digestFile, name);
      const stored = await client.getManifest('demo/podman-app', architecture);
      digests.push(stored.digest ?? '');
      assert.equal(stored.mediaType, 'application/vnd.oci.image.manifest.v1+json');
    }
  });

  await t.test('it is pulled again by tag and by digest after rmi', async () => {
    await podman('rmi', '--all', '--force');
    await podman('pull', '--quiet', insecure, `${app}:amd64`);
    const inspected = await podman('image', 'inspect', '--format', '{{.Digest}}', `${app}:amd64`);
    assert.equal(inspected.stdout.trim(), digests[0]);
    await podman('rmi', '--all', '--force');
    await podman('pull', '--quiet', insecure, `${app}@${digests[0]}`);
    const mounted = (await podman('image', 'mount', `${app}@${digests[0]}`)).stdout.trim();
    assert.equal(await readFile(join(mounted, 'greeting'), 'utf8'), 'podman on amd64\n');
    await podman('image', 'unmount', '--all');
  });

  await t.test('podman search finds it by a part of its name', async () => {
    const format = ['--format', '{{.Name}}', insecure];
    const found = await podman('search', ...format, `${registry.host}/podman-ap`);
    assert.match(found.stdout, /demo\/podman-app/);
    const none = await podman('search', ...format, `${registry.host}/nothing-like-it`);
    assert.equal(none.stdout.trim(), '');
  });

  await t.test('podman search lists the tags', async () => {
    const { stdout } = await podman('search', insecure, '--list-tags', app);
    const rows = stdout.trim().split('\n').slice(1);
    assert.deepEqual(rows.map((row) => row.split(/\s+/)[1]).sort(), ['amd64', 'arm64']);
  });

  await t.test('an index made by podman manifest is pushed with its images', async () => {
    const list = 'localhost/podman-list';
    await podman('manifest', 'create', list);
    for (const name of ['amd64', 'arm64']) {
      await podman('manifest', 'add', insecure, list, `docker://${app}:${name}`);
    }
    await podman(
      'manifest',
      'push',
      '--all',
      insecure,
      list,
      `docker://${registry.host}/demo/podman-multi:1`,
    );
    const { content } = await client.getManifest('demo/podman-multi', '1');
    const text = Buffer.from(content).toString();
    for (const digest of digests) assert.ok(text.includes(digest), text);
    await podman('rmi', '--all', '--force');
    const pull = ['pull', '--quiet', insecure, '--platform', 'linux/arm64'];
    await podman(...pull, `${registry.host}/demo/podman-multi:1`);
    const inspect = ['image', 'inspect', '--format', '{{.Architecture}}'];
    const { stdout } = await podman(...inspect, `${registry.host}/demo/podman-multi:1`);
    assert.equal(stdout.trim(), 'arm64');
  });
});
