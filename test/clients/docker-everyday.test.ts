// Two images as people build them every day, by docker itself: a runtime of some 200 MB unpacked from a tar file, and a web
// server with a start script on the same base. What they share is sent to the registry once.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeBaseArchive } from '../support/base-image.ts';
import { runCommand } from '../support/command.ts';
import { type DockerDaemon, dockerPrograms, startDockerDaemon } from '../support/docker-daemon.ts';
import { privateDirectory } from '../support/processes.ts';
import { type Exchange, startRecordingProxy } from '../support/recording-proxy.ts';
import { startRegistryUnderTest } from '../support/registry-under-test.ts';
import { freePort } from '../support/service.ts';
import { whyNotHere } from '../support/system-packages.ts';

const FILES = 400;
const FILE_BYTES = 512 * 1024;
const RUNTIME_BYTES = FILES * FILE_BYTES;

const title = 'a runtime image of 200 MB and a web server on the same base go through the registry';
test(title, { skip: whyNotHere(dockerPrograms, { root: true }) }, async (t) => {
  const registry = await startRegistryUnderTest(t);
  const proxy = await startRecordingProxy(registry.port, t);
  const directory = await privateDirectory('everyday', t);
  const daemon = await startDockerDaemon(t);
  const { docker } = daemon;
  const runtime = `127.0.0.1:${proxy.port}/everyday/runtime:21`;
  const web = `127.0.0.1:${proxy.port}/everyday/web:1`;
  await docker('import', await makeBaseArchive(directory), 'everyday-base:1');
  await buildPlatform(daemon, directory);

  await t.test('the runtime image is built from a tar file and pushed', async () => {
    await buildRuntime(daemon, directory, runtime);
    const { stdout } = await docker('push', runtime);
    assert.equal(stdout.match(/: Pushed/g)?.length, 3, stdout);
    const sent = bytesSent(proxy.take());
    assert.ok(sent > RUNTIME_BYTES, `${sent} bytes were sent`);
  });

  await t.test('the web image shares the base layers, and they are not sent again', async () => {
    await buildWeb(daemon, directory, web);
    const { stdout } = await docker('push', web);
    assert.equal(stdout.match(/: Mounted from everyday\/runtime/g)?.length, 2, stdout);
    assert.equal(stdout.match(/: Pushed/g)?.length, 1, stdout);
    const exchanges = proxy.take();
    const closed = exchanges.filter(
      ({ method, path }) => method === 'PUT' && path.includes('/blobs/uploads/'),
    );
    const mounted = exchanges.filter(({ path, status }) => path.includes('mount=') && status === 201);
    assert.equal(closed.length, 2, 'one new layer and the configuration');
    assert.equal(mounted.length, 2, 'the layers of the base');
    assert.ok(bytesSent(exchanges) < 64 * 1024, `${bytesSent(exchanges)} bytes were sent`);
  });

  await t.test('a second push of both sends no blob at all', async () => {
    for (const image of [runtime, web]) {
      const { stdout } = await docker('push', image);
      assert.match(stdout, /Layer already exists/);
    }
    const uploads = proxy.take().filter(({ path }) => path.includes('/blobs/uploads/'));
    assert.deepEqual(uploads, []);
  });

  await t.test('the runtime image is pulled anew with its settings and every byte of its files', async () => {
    const sums = await sumsIn(daemon, runtime);
    await removeAllImages(daemon);
    await docker('pull', runtime);
    assert.equal(await sumsIn(daemon, runtime), sums);
    assert.equal(sums.split('\n').length, FILES);
    const inspected = await docker('inspect', '--format', '{{json .Config}}', runtime);
    assert.match(inspected.stdout, /JAVA_HOME=\/opt\/runtime/);
    const ran = await docker('run', '--rm', '--network', 'host', runtime);
    assert.equal(ran.stdout, '/opt/runtime\n');
  });

  await t.test('the web image is pulled anew, runs and answers', async () => {
    await docker('pull', web);
    const port = await freePort();
    const run = ['run', '--detach', '--network', 'host', '--env', `PORT=${port}`, web];
    const container = (await docker(...run)).stdout.trim();
    try {
      assert.equal(await fetchWhenUp(`http://127.0.0.1:${port}/index.html`), 'served from a layer\n');
    } finally {
      await docker('rm', '--force', container);
    }
  });
});

/** What both images are built on: the imported base and one layer of its own. */
async function buildPlatform({ docker }: DockerDaemon, directory: string): Promise<void> {
  const folder = join(directory, 'platform');
  await mkdir(folder);
  await writeFile(join(folder, 'platform'), randomBytes(1024 * 1024));
  await writeFile(join(folder, 'Dockerfile'), 'FROM everyday-base:1\nCOPY platform /srv/\n');
  await docker('build', '--quiet', '--tag', 'everyday-platform:1', folder);
}

async function buildRuntime({ docker }: DockerDaemon, directory: string, image: string): Promise<void> {
  const folder = join(directory, 'runtime');
  const files = join(directory, 'runtime-files', 'runtime');
  await mkdir(folder);
  await mkdir(files, { recursive: true });
  for (let number = 0; number < FILES; number += 1) {
    await writeFile(join(files, `module-${number}.bin`), randomBytes(FILE_BYTES));
  }
  const archive = join(folder, 'runtime.tar');
  await runCommand([
    'tar',
    '--create',
    '--file',
    archive,
    '--directory',
    join(directory, 'runtime-files'),
    '.',
  ]);
  await writeFile(
    join(folder, 'Dockerfile'),
    [
      'FROM everyday-platform:1',
      'ADD runtime.tar /opt/',
      'ENV JAVA_HOME=/opt/runtime',
      'CMD ["sh", "-c", "echo $JAVA_HOME"]',
      '',
    ].join('\n'),
  );
  await docker('build', '--quiet', '--tag', image, folder);
}

async function buildWeb({ docker }: DockerDaemon, directory: string, image: string): Promise<void> {
  const folder = join(directory, 'web');
  await mkdir(folder);
  await writeFile(join(folder, 'index.html'), 'served from a layer\n');
  await writeFile(join(folder, 'start.sh'), '#!/bin/sh\nexec httpd -f -h /srv -p "127.0.0.1:$PORT"\n', {
    mode: 0o755,
  });
  await writeFile(
    join(folder, 'Dockerfile'),
    'FROM everyday-platform:1\nCOPY index.html start.sh /srv/\nENV PORT=8080\nCMD ["/srv/start.sh"]\n',
  );
  await docker('build', '--quiet', '--tag', image, folder);
}

async function sumsIn({ docker }: DockerDaemon, image: string): Promise<string> {
  const command = 'cd /opt/runtime && sha256sum module-*';
  const { stdout } = await docker('run', '--rm', '--network', 'host', image, 'sh', '-c', command);
  return stdout.trim();
}

async function removeAllImages({ docker }: DockerDaemon): Promise<void> {
  const { stdout } = await docker('images', '--format', '{{.Repository}}:{{.Tag}}');
  await docker('rmi', '--force', ...stdout.trim().split('\n'));
  assert.equal((await docker('images', '--all', '--quiet')).stdout, '');
}

function bytesSent(exchanges: readonly Exchange[]): number {
  return exchanges.reduce((total, { sent }) => total + sent, 0);
}

async function fetchWhenUp(url: string): Promise<string> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await (await fetch(url)).text();
    } catch (error) {
      if (attempt > 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
