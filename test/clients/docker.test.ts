// The real docker against the registry: build, push, pull after the images are gone, run, search, digests, an index.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeBaseArchive } from '../support/base-image.ts';
import { dockerPrograms, startDockerDaemon } from '../support/docker-daemon.ts';
import { privateDirectory } from '../support/processes.ts';
import { createRegistryClient } from '../support/registry-client.ts';
import { notInReference, startRegistryUnderTest } from '../support/registry-under-test.ts';
import { whyNotHere } from '../support/system-packages.ts';

test('docker works against the registry', { skip: whyNotHere(dockerPrograms, { root: true }) }, async (t) => {
  const registry = await startRegistryUnderTest(t);
  const directory = await privateDirectory('docker-files', t);
  const { docker, tryDocker } = await startDockerDaemon(t);
  const client = createRegistryClient(registry.url);
  const app = `${registry.host}/demo/app`;
  await docker('import', await makeBaseArchive(directory), 'base:1');

  let pushed = '';

  await t.test('an image that docker built is pushed', async () => {
    const folder = join(directory, 'app');
    await mkdir(folder);
    await writeFile(join(folder, 'greeting'), 'hello from the registry\n');
    await writeFile(
      join(folder, 'Dockerfile'),
      'FROM base:1\nCOPY greeting /srv/\nRUN cat /srv/greeting > /srv/copy\nCMD ["cat", "/srv/copy"]\n',
    );
    await docker('build', '--quiet', '--network', 'host', '--tag', `${app}:1`, folder);
    const { stdout } = await docker('push', `${app}:1`);
    pushed = /digest: (sha256:[0-9a-f]{64})/.exec(stdout)?.[1] ?? '';
    const stored = await client.getManifest('demo/app', '1');
    assert.equal(stored.digest, pushed, stdout);
    assert.equal(stored.mediaType, 'application/vnd.docker.distribution.manifest.v2+json');
  });

  await t.test('it is pulled again after every local copy was removed, and runs', async () => {
    await docker('rmi', '--force', `${app}:1`, 'base:1');
    assert.equal((await docker('images', '--quiet', '--all')).stdout, '');
    const { stdout } = await docker('pull', `${app}:1`);
    assert.ok(stdout.includes(pushed), stdout);
    const ran = await docker('run', '--rm', '--network', 'host', `${app}:1`);
    assert.equal(ran.stdout, 'hello from the registry\n');
  });

  await t.test('it is pulled and run by its digest', async () => {
    await docker('rmi', '--force', `${app}:1`);
    await docker('pull', `${app}@${pushed}`);
    const ran = await docker('run', '--rm', '--network', 'host', `${app}@${pushed}`);
    assert.equal(ran.stdout, 'hello from the registry\n');
  });

  await t.test('a push of the same image sends nothing again', async () => {
    await docker('pull', `${app}:1`);
    const { stdout } = await docker('push', `${app}:1`);
    assert.doesNotMatch(stdout, /: Pushed/);
    assert.match(stdout, /Layer already exists/);
    assert.ok(stdout.includes(pushed), stdout);
  });

  await t.test('all tags of a repository are pushed at once and pulled at once', async () => {
    await docker('tag', `${app}:1`, `${app}:2`);
    await docker('tag', `${app}:1`, `${app}:latest`);
    await docker('push', '--all-tags', app);
    assert.deepEqual(await client.listTags('demo/app'), ['1', '2', 'latest']);
    await docker('rmi', '--force', `${app}:1`, `${app}:2`, `${app}:latest`);
    await docker('pull', '--all-tags', app);
    const { stdout } = await docker('images', '--format', '{{.Tag}}', app);
    assert.deepEqual(stdout.trim().split('\n').sort(), ['1', '2', 'latest']);
  });

  await t.test('an unknown tag and an unknown repository are said to be unknown', async () => {
    for (const name of [`${app}:missing`, `${registry.host}/no/such:1`]) {
      const { code, stderr } = await tryDocker('pull', name);
      assert.equal(code, 1);
      assert.match(stderr, /manifest( for .*)? (not found|unknown)|repository .* not found/, stderr);
    }
  });

  await t.test(
    'docker search finds the repository by a part of its name',
    { skip: notInReference },
    async () => {
      const search = async (term: string) => {
        const { stdout } = await docker('search', '--format', '{{.Name}}', `${registry.host}/${term}`);
        return stdout.trim();
      };
      assert.match(await search('app'), /(^|\/)demo\/app$/);
      assert.equal(await search('nothing-like-it'), '');
    },
  );

  await t.test(
    'docker manifest makes a multi-arch index, and docker pulls its own platform from it',
    async () => {
      for (const architecture of ['amd64', 'arm64']) {
        const name = `${app}:multi-${architecture}`;
        const folder = join(directory, architecture);
        await mkdir(folder);
        await writeFile(join(folder, 'Dockerfile'), `FROM ${app}:1\nLABEL architecture=${architecture}\n`);
        await docker('build', '--quiet', '--tag', name, folder);
        await docker('push', name);
      }
      const index = `${app}:multi`;
      const parts = [`${app}:multi-amd64`, `${app}:multi-arm64`];
      await docker('manifest', 'create', '--insecure', index, ...parts);
      await docker('manifest', 'annotate', index, `${app}:multi-arm64`, '--os', 'linux', '--arch', 'arm64');
      const { stdout } = await docker('manifest', 'push', '--insecure', index);
      const stored = await client.getManifest('demo/app', 'multi');
      assert.equal(stored.mediaType, 'application/vnd.docker.distribution.manifest.list.v2+json');
      assert.equal(stored.digest, stdout.trim().split('\n').at(-1));

      await docker('rmi', '--force', ...parts);
      await docker('pull', index);
      const inspected = await docker('inspect', '--format', '{{.Config.Labels.architecture}}', index);
      const own = process.arch === 'arm64' ? 'arm64' : 'amd64';
      assert.equal(inspected.stdout.trim(), own);
      const shown = await docker('manifest', 'inspect', '--insecure', index);
      assert.match(shown.stdout, /"architecture": "arm64"/);
    },
  );
});
