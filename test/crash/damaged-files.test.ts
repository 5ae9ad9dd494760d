// Files that somebody else has spoilt, or that a power cut has torn: a registry does not have what it cannot give as it was.
// It says 404 and takes the content anew.
import assert from 'node:assert/strict';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createRegistryClient, type RegistryClient } from '../support/registry-client.ts';
import { startRegistryUnderTest } from '../support/registry-under-test.ts';
import { makeImage } from '../support/sample-image.ts';
import { assertRefused } from './answers.ts';

const damages: Readonly<Record<string, (file: string) => Promise<void>>> = {
  'cut short': async (file) => truncate(file, Math.floor((await readFile(file)).length / 2)),
  empty: (file) => truncate(file, 0),
  'changed in one bit': async (file) => {
    const content = await readFile(file);
    const middle = Math.floor(content.length / 2);
    content[middle] = (content[middle] ?? 0) ^ 1;
    await writeFile(file, content);
  },
};

for (const [damage, spoil] of Object.entries(damages)) {
  test(`a blob that is ${damage} is absent until it is pushed again`, async (context) => {
    const { client, store, image, blob, content } = await startWithImage(context);
    await spoil(store(blobFile(blob)));
    await assertRefused(await client.send('GET', `/v2/app/blobs/${blob}`), 404, 'BLOB_UNKNOWN');
    assert.equal((await client.send('HEAD', `/v2/app/blobs/${blob}`)).status, 404);
    const range = { headers: { range: 'bytes=0-3' } };
    await assertRefused(await client.send('GET', `/v2/app/blobs/${blob}`, range), 404, 'BLOB_UNKNOWN');
    const { mediaType } = image.descriptor;
    const push = { headers: { 'content-type': mediaType }, body: image.manifest };
    await assertRefused(
      await client.send('PUT', '/v2/app/manifests/two', push),
      400,
      'MANIFEST_BLOB_UNKNOWN',
    );
    const mount = await client.send('POST', `/v2/other/blobs/uploads/?mount=${blob}&from=app`);
    assert.equal(mount.status, 202);

    await client.pushBlob('app', content);
    assert.ok(Buffer.from(await client.getBlob('app', blob)).equals(Buffer.from(content)), 'other bytes');
    await client.putManifest('app', 'two', image.manifest, mediaType);
  });

  test(`a manifest that is ${damage} is absent until it is pushed again`, async (context) => {
    const { client, store, image } = await startWithImage(context);
    const { digest, mediaType } = image.descriptor;
    await spoil(store(blobFile(digest)));
    for (const reference of ['one', digest]) {
      const path = `/v2/app/manifests/${reference}`;
      await assertRefused(await client.send('GET', path), 404, 'MANIFEST_UNKNOWN');
      assert.equal((await client.send('HEAD', path)).status, 404);
    }
    await client.putManifest('app', 'one', image.manifest, mediaType);
    const { content } = await client.getManifest('app', 'one');
    assert.deepEqual(Buffer.from(content), Buffer.from(image.manifest));
  });
}

for (const [damage, spoil] of Object.entries(damages).filter(([name]) => name !== 'changed in one bit')) {
  test(`a tag whose link is ${damage} is absent until it is pushed again`, async (context) => {
    const { client, store, image } = await startWithImage(context);
    await spoil(store('repositories/app/_manifests/tags/one/current/link'));
    await assertRefused(await client.send('GET', '/v2/app/manifests/one'), 404, 'MANIFEST_UNKNOWN');
    assert.equal((await client.send('DELETE', '/v2/app/manifests/one')).status, 404);
    await client.putManifest('app', 'one', image.manifest, image.descriptor.mediaType);
    assert.equal((await client.getManifest('app', 'one')).digest, image.descriptor.digest);
  });

  test(`a blob whose link is ${damage} is absent until it is pushed again`, async (context) => {
    const { client, store, blob, content } = await startWithImage(context);
    await spoil(store(`repositories/app/_layers/${blob.replace(':', '/')}/link`));
    await assertRefused(await client.send('GET', `/v2/app/blobs/${blob}`), 404, 'BLOB_UNKNOWN');
    await client.pushBlob('app', content);
    await client.getBlob('app', blob);
  });
}

test('an upload whose start date is empty is unknown', async (context) => {
  const { client, store } = await startWithImage(context);
  const location = await client.startUpload('app');
  // More than is kept in the journal.
  await client.appendChunk(location, Buffer.alloc(100_000), 0);
  const id = location.split('?')[0]?.split('/').at(-1);
  await truncate(store(`repositories/app/_uploads/${id}/startedat`), 0);
  await assertRefused(await client.send('GET', location), 404, 'BLOB_UPLOAD_UNKNOWN');
});

test('an empty tag is not listed', async (context) => {
  const { client, store } = await startWithImage(context);
  await truncate(store('repositories/app/_manifests/tags/one/current/link'), 0);
  assert.deepEqual(await client.listTags('app'), []);
});

async function startWithImage(context: TestContext) {
  const { url, directory } = await startRegistryUnderTest(context);
  const client: RegistryClient = createRegistryClient(url);
  const image = makeImage('content');
  await client.pushImage('app', image, 'one');
  const [[blob, content] = ['', Buffer.alloc(0)]] = image.blobs;
  // Asked for once, so that the server has seen that they are as they have to be.
  await client.getBlob('app', blob);
  await client.getManifest('app', 'one');
  const store = (path: string) => join(directory, 'docker', 'registry', 'v2', path);
  return { client, store, image, blob, content };
}

function blobFile(digest: string): string {
  const [algorithm = '', hex = ''] = digest.split(':');
  return `blobs/${algorithm}/${hex.slice(0, 2)}/${hex}/data`;
}
