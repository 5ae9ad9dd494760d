// The real docker and skopeo through the balancer, over replicas that share nothing but their store and Redis.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeBaseArchive } from '../support/base-image.ts';
import { type ContainerTools, createContainerTools } from '../support/container-tools.ts';
import { type DockerDaemon, dockerPrograms, startDockerDaemon } from '../support/docker-daemon.ts';
import { inReverse, privateDirectory } from '../support/processes.ts';
import { type Replicas, startReplicas } from '../support/replicas.ts';
import { makeImage, makeIndex, writeLayout } from '../support/sample-image.ts';
import { sharedStores } from '../support/shared-store.ts';
import { whyNotHere } from '../support/system-packages.ts';

const skip = whyNotHere([...dockerPrograms, 'skopeo'], { root: true });

if (skip !== false) {
  test('docker and skopeo through the balancer', { skip }, () => {});
} else {
  const orderly = inReverse({ after });
  const docker = await startDockerDaemon(orderly);
  const directory = await privateDirectory('client-files', orderly);
  await docker.docker('import', await makeBaseArchive(directory), 'base:1');

  for (const [index, store] of sharedStores.entries()) {
    test(`docker and skopeo through the balancer, over ${store.name}`, { skip: store.skip }, async (t) => {
      const replicas = await startReplicas(t, { storage: await store.open(t) });
      const folder = join(directory, `store-${index}`);
      await mkdir(folder);

      await t.test('docker pushes, pulls again, runs and finds an image', () =>
        useDocker(docker, replicas, folder, store.gives),
      );

      const tools = await createContainerTools(t);
      await t.test('skopeo copies an index there and back with every digest', () =>
        useSkopeo(tools, replicas),
      );
    });
  }
}

async function useDocker(
  { docker }: DockerDaemon,
  replicas: Replicas,
  folder: string,
  blobStatus: number,
): Promise<void> {
  const app = `${replicas.host}/demo/app`;
  await writeFile(join(folder, 'greeting'), 'hello from one of many\n');
  const layers = Array.from({ length: 4 }, (_, layer) => `RUN echo ${layer} > /srv/layer-${layer}`);
  const lines = ['FROM base:1', 'COPY greeting /srv/', ...layers, 'CMD ["cat", "/srv/greeting"]', ''];
  await writeFile(join(folder, 'Dockerfile'), lines.join('\n'));
  await docker('build', '--quiet', '--network', 'host', '--tag', `${app}:1`, folder);
  const pushed = /digest: (sha256:[0-9a-f]{64})/.exec((await docker('push', `${app}:1`)).stdout)?.[1] ?? '';
  const { content } = await replicas.balanced.getManifest('demo/app', '1');
  const layer = /"layers":.*?"digest":\s*"(sha256:[0-9a-f]{64})"/s.exec(Buffer.from(content).toString())?.[1];
  const blob = await fetch(`${replicas.nginx.url}/v2/demo/app/blobs/${layer}`, { redirect: 'manual' });
  assert.equal(blob.status, blobStatus);
  await blob.bytes();
  for (const replica of [0, 1]) {
    assert.equal((await replicas.at(replica).getManifest('demo/app', '1')).digest, pushed);
  }
  await docker('rmi', '--force', `${app}:1`);
  const { stdout } = await docker('pull', `${app}:1`);
  assert.ok(stdout.includes(pushed), stdout);
  const ran = await docker('run', '--rm', '--network', 'host', `${app}:1`);
  assert.equal(ran.stdout, 'hello from one of many\n');
  const found = await docker('search', '--format', '{{.Name}}', `${replicas.host}/app`);
  assert.match(found.stdout.trim(), /(^|\/)demo\/app$/);
}

async function useSkopeo({ directory, skopeo }: ContainerTools, replicas: Replicas): Promise<void> {
  const images = ['amd64', 'arm64'].map((architecture) => makeImage(`on ${architecture}`, { architecture }));
  const index = makeIndex(images);
  const there = join(directory, 'there');
  const back = join(directory, 'back');
  await writeLayout(there, 'multi', index);
  const name = `docker://${replicas.host}/demo/multi:1`;
  await skopeo('copy', '--dest-tls-verify=false', '--all', `oci:${there}:multi`, name);
  await skopeo('copy', '--src-tls-verify=false', '--all', name, `oci:${back}:multi`);
  const expected = [
    [index.descriptor.digest, index.manifest],
    ...images.flatMap((image) => [[image.descriptor.digest, image.manifest] as const, ...image.blobs]),
  ] as const;
  for (const [digest, content] of expected) {
    const file = join(back, 'blobs', 'sha256', digest.slice('sha256:'.length));
    assert.deepEqual(await readFile(file), Buffer.from(content));
  }
}
