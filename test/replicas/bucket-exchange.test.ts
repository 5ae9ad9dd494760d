// A bucket that the `registry` image filled is served by ours, and the other way round.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { pushOfEveryKind, readContents } from '../compat/contents.ts';
import { createRegistryClient, type RegistryClient } from '../support/registry-client.ts';
import { type S3Store, startS3Store } from '../support/s3-store.ts';
import { makeImage } from '../support/sample-image.ts';
import { startBerth, startDockerRegistry } from '../support/service.ts';
import { whyNoS3Replicas } from '../support/shared-store.ts';
import { whyNotHere } from '../support/system-packages.ts';

const skip = whyNoS3Replicas || whyNotHere(['docker-registry']);

type Server = 'berth' | 'docker-registry';

const directions: readonly (readonly [Server, Server])[] = [
  ['docker-registry', 'berth'],
  ['berth', 'docker-registry'],
];

if (skip !== false) {
  test('a bucket changes hands', { skip }, () => {});
} else {
  const store = await startS3Store({ after });
  for (const [first, second] of directions) {
    for (const rootdirectory of [undefined, '/some/where']) {
      const where = rootdirectory === undefined ? '' : `, below ${rootdirectory}`;
      test(`${second} serves and goes on with the bucket of ${first}${where}`, async () => {
        const storage = driverOf(store, await store.createBucket(), rootdirectory);
        const [blobs, stored] = await serve(first, storage, async (client) => {
          const pushed = await pushOfEveryKind(client, first === 'docker-registry' ? 1 : 0);
          return [pushed, await readContents(client, pushed)] as const;
        });
        const image = makeImage('by the successor');
        const [layer = ''] = image.blobs.keys();
        await serve(second, storage, async (client) => {
          assert.deepEqual(await readContents(client, blobs), stored);
          await client.pushImage('after/change', image, 'tag');
          await client.pushImage('after/change', makeImage('to be deleted'), 'gone');
          const { digest } = makeImage('to be deleted').descriptor;
          assert.equal((await client.send('DELETE', `/v2/after/change/manifests/${digest}`)).status, 202);
        });
        await serve(first, storage, async (client) => {
          assert.equal((await client.getManifest('after/change', 'tag')).digest, image.descriptor.digest);
          assert.deepEqual(
            await client.getBlob('after/change', layer),
            new Uint8Array(image.blobs.get(layer) ?? []),
          );
          assert.deepEqual(await client.listTags('after/change'), ['tag']);
        });
        assert.ok(stored.length > 15, stored.join('\n'));
      });
    }
  }
}

/** One section that both understand. */
function driverOf(store: S3Store, bucket: string, rootdirectory: string | undefined): object {
  const { endpoint: regionendpoint, region, accessKey: accesskey, secretKey: secretkey } = store;
  return {
    s3: {
      ...{ regionendpoint, region, bucket, accesskey, secretkey },
      ...{ secure: false, v4auth: true },
      ...(rootdirectory !== undefined && { rootdirectory }),
    },
  };
}

async function serve<T>(
  server: Server,
  driver: object,
  work: (client: RegistryClient) => Promise<T>,
): Promise<T> {
  const start = server === 'berth' ? startBerth : startDockerRegistry;
  const storage = { filesystem: undefined, ...driver, delete: { enabled: true } };
  // The SDK in docker-registry 2.8 cannot start where the environment names a bundle of certificates.
  const environment = { AWS_CA_BUNDLE: undefined };
  const service = await start({ directory: '', configuration: { storage }, environment });
  try {
    return await work(createRegistryClient(service.url));
  } finally {
    await service.stop();
  }
}
