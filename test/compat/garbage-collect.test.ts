// docker-registry's garbage collector on a directory that Berth wrote: what is tagged has to survive, sha512 content too.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RegistryClient } from '../support/registry-client.ts';
import { digestOf, makeImage, makeIndex, type SampleImage } from '../support/sample-image.ts';
import { createSharedDirectory, skip } from './shared-directory.ts';

const oci = makeImage('tagged, OCI');
const docker = makeImage('tagged, Docker', { format: 'docker' });
const sha512 = makeImage('tagged, sha512', { algorithm: 'sha512' });
const untagged = makeImage('not tagged');
const platforms = [makeImage('tagged child'), makeImage('another', { architecture: 'arm64' })];
const index = makeIndex(platforms);
const signature = makeSignatureOf(oci);

test('garbage-collect keeps everything that Berth stored and a manifest needs', { skip }, async (t) => {
  const shared = await createSharedDirectory(t);
  const [loose] = await shared.serve('berth', async (client) => {
    await pushAll(client);
    return [await client.pushBlob('kept', Buffer.from('belongs to no manifest'))];
  });
  await shared.collectGarbage();
  await shared.serve('berth', async (client) => {
    await assertTaggedIntact(client);
    await assertServed(client, 'kept', untagged);
    await assertServed(client, 'kept', signature);
    const answer = await client.send('HEAD', `/v2/kept/blobs/${loose}`);
    assert.equal(answer.status, 404, 'the collector takes away what no manifest refers to');
  });
});

test('garbage-collect -m keeps everything that is tagged, and only that', { skip }, async (t) => {
  const shared = await createSharedDirectory(t);
  await shared.serve('berth', pushAll);
  await shared.collectGarbage('--delete-untagged');
  await shared.serve('berth', async (client) => {
    await assertTaggedIntact(client);
    const gone = await client.send('GET', `/v2/kept/manifests/${untagged.descriptor.digest}`);
    assert.equal(gone.status, 404);
    for (const digest of untagged.blobs.keys()) {
      assert.equal((await client.send('HEAD', `/v2/kept/blobs/${digest}`)).status, 404);
    }
    const referrers = await client.send('GET', `/v2/kept/referrers/${oci.descriptor.digest}`);
    assert.equal(referrers.status, 200);
    assert.deepEqual(
      await digestsIn(referrers),
      [],
      'the untagged signature went, so it is no longer listed',
    );
  });
});

test('what the collector took away can be pushed again and is served', { skip }, async (t) => {
  const shared = await createSharedDirectory(t);
  await shared.serve('berth', pushAll);
  await shared.collectGarbage('--delete-untagged');
  await shared.serve('berth', async (client) => {
    await client.pushImage('kept', untagged);
    await client.pushImage('kept', signature);
    await assertServed(client, 'kept', untagged);
    const referrers = await client.send('GET', `/v2/kept/referrers/${oci.descriptor.digest}`);
    assert.deepEqual(await digestsIn(referrers), [signature.descriptor.digest]);
  });
});

async function pushAll(client: RegistryClient): Promise<void> {
  await client.pushImage('kept', oci, 'oci');
  await client.pushImage('kept', docker, 'docker');
  await client.pushImage('kept', untagged);
  await client.pushImage('kept', signature);
  // docker-registry 2.8 with -m deletes the children of a tagged index unless they are tagged as well.
  for (const [number, image] of platforms.entries())
    await client.pushImage('nested/kept', image, `child-${number}`);
  await client.pushIndex('nested/kept', index, 'index');
  // A digest that is not sha256 gets its tag by the `tag` parameter (distribution-spec end-7b).
  const { digest } = sha512.descriptor;
  await client.pushImage('kept', sha512, `${digest}?tag=sha512`);
}

async function assertTaggedIntact(client: RegistryClient): Promise<void> {
  assert.deepEqual(await client.listTags('kept'), ['docker', 'oci', 'sha512']);
  assert.deepEqual(await client.listTags('nested/kept'), ['child-0', 'child-1', 'index']);
  for (const [tag, image] of Object.entries({ oci, docker, sha512 })) {
    assert.equal((await client.getManifest('kept', tag)).digest, image.descriptor.digest);
    await assertServed(client, 'kept', image);
  }
  assert.equal((await client.getManifest('nested/kept', 'index')).digest, index.descriptor.digest);
  for (const image of platforms) await assertServed(client, 'nested/kept', image);
}

async function assertServed(client: RegistryClient, repository: string, image: SampleImage): Promise<void> {
  const { content } = await client.getManifest(repository, image.descriptor.digest);
  assert.deepEqual(content, new Uint8Array(image.manifest));
  for (const [digest, blob] of image.blobs) {
    assert.deepEqual(await client.getBlob(repository, digest), new Uint8Array(blob), digest);
  }
}

/** An artifact that refers to the image by `subject`, as a signature does. */
function makeSignatureOf(image: SampleImage): SampleImage {
  const plain = makeImage('a signature');
  const fields: unknown = JSON.parse(Buffer.from(plain.manifest).toString());
  assert.ok(fields !== null && typeof fields === 'object');
  const { mediaType, digest, size } = image.descriptor;
  const manifest = Buffer.from(JSON.stringify({ ...fields, subject: { mediaType, digest, size } }));
  return {
    ...plain,
    manifest,
    descriptor: { ...plain.descriptor, size: manifest.length, digest: digestOf(manifest) },
  };
}

async function digestsIn(response: Response): Promise<unknown[]> {
  const body: unknown = await response.json();
  const manifests = body !== null && typeof body === 'object' ? Reflect.get(body, 'manifests') : undefined;
  assert.ok(Array.isArray(manifests), JSON.stringify(body));
  return manifests.map((entry: unknown) =>
    entry !== null && typeof entry === 'object' ? Reflect.get(entry, 'digest') : entry,
  );
}
