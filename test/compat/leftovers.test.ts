// What docker-registry and its crashes leave in a directory: Berth reads what can be read, and answers 404 for the rest.
import assert from 'node:assert/strict';
import { mkdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { test } from 'node:test';
import type { RegistryClient } from '../support/registry-client.ts';
import { digestOf, makeImage, type SampleImage } from '../support/sample-image.ts';
import { createSharedDirectory, type SharedDirectory, skip } from './shared-directory.ts';

const image = makeImage('the image that suffers', { format: 'docker' });
const other = makeImage('the image beside it', { format: 'docker' });
const [configDigest = '', layerDigest = ''] = image.blobs.keys();
const manifestDigest = image.descriptor.digest;

test('content that was pushed to docker-registry as sha512 is served under both digests', {
  skip,
}, async (t) => {
  const shared = await createSharedDirectory(t);
  const content = Buffer.alloc(70_000, 'sha512 ');
  const sha512 = await shared.serve('docker-registry', (client) =>
    client.pushBlob('aliased', content, { algorithm: 'sha512' }),
  );
  await shared.serve('berth', async (client) => {
    assert.deepEqual(await client.getBlob('aliased', sha512), new Uint8Array(content));
    assert.deepEqual(await client.getBlob('aliased', digestOf(content)), new Uint8Array(content));
    const head = await client.send('HEAD', `/v2/aliased/blobs/${sha512}`);
    assert.equal(head.status, 200);
    assert.equal(head.headers.get('content-length'), '70000');
  });
});

const links = [
  { what: 'a layer', names: ['_layers', ...parts(layerDigest)], path: `blobs/${layerDigest}` },
  {
    what: 'a manifest',
    names: ['_manifests', 'revisions', ...parts(manifestDigest)],
    path: `manifests/${manifestDigest}`,
  },
  { what: 'a tag', names: ['_manifests', 'tags', '1', 'current'], path: 'manifests/1' },
];

const damages: Readonly<Record<string, (file: string) => Promise<void>>> = {
  'an empty link': (file) => truncate(file),
  'half a link': (file) => truncate(file, 40),
  'a link with other text in it': (file) => writeFile(file, 'sha256:not-a-digest'),
  'no link in the directory': (file) => rm(file),
  'a link to nothing': (file) => writeFile(file, digestOf(Buffer.from('never stored'))),
};

for (const { what, names, path } of links) {
  for (const [damage, inflict] of Object.entries(damages)) {
    test(`${damage} for ${what} reads as unknown, and a push heals it`, { skip }, async (t) => {
      const shared = await pushedByDockerRegistry(t);
      await inflict(shared.path('repositories', 'some/app', ...names, 'link'));
      await shared.serve('berth', async (client) => {
        await assertNeverAnError(client);
        await assertStatus(client, path, 404);
        await assertHealed(client);
      });
    });
  }
}

test('a tag whose manifest lost its link reads as unknown', { skip }, async (t) => {
  const shared = await pushedByDockerRegistry(t);
  await rm(
    shared.path('repositories', 'some/app', '_manifests', 'revisions', ...parts(manifestDigest), 'link'),
  );
  await shared.serve('berth', async (client) => {
    await assertStatus(client, 'manifests/1', 404);
    await assertHealed(client);
  });
});

const contents = { 'a layer': layerDigest, 'a configuration': configDigest, 'a manifest': manifestDigest };

for (const [what, digest] of Object.entries(contents)) {
  for (const kept of ['nothing', 'the first half', 'all but the last byte']) {
    test(`${what} of which ${kept} is left reads as a miss, and a push heals it`, { skip }, async (t) => {
      const shared = await pushedByDockerRegistry(t);
      const file = shared.path('blobs', ...blobParts(digest), 'data');
      const { size } = await stat(file);
      const left = { nothing: 0, 'the first half': size >> 1, 'all but the last byte': size - 1 }[kept];
      await truncate(file, left);
      await shared.serve('berth', async (client) => {
        await assertStatus(client, `${what === 'a manifest' ? 'manifests' : 'blobs'}/${digest}`, 404);
        if (what === 'a manifest') await assertStatus(client, 'manifests/1', 404);
        await assertNeverAnError(client);
        await assertHealed(client);
      });
    });
  }
}

test('content that is cut short while Berth serves it is a miss from then on', { skip }, async (t) => {
  const shared = await pushedByDockerRegistry(t);
  await shared.serve('berth', async (client) => {
    await assertServed(client, '1', image);
    for (const digest of [layerDigest, manifestDigest]) {
      const file = shared.path('blobs', ...blobParts(digest), 'data');
      await truncate(file, (await stat(file)).size - 1);
    }
    await assertStatus(client, `blobs/${layerDigest}`, 404);
    await assertStatus(client, `manifests/${manifestDigest}`, 404);
    await assertStatus(client, 'manifests/1', 404);
    await assertHealed(client);
  });
});

test('a manifest of the old schema 1 is served as it lies there', { skip }, async (t) => {
  const shared = await pushedByDockerRegistry(t);
  const old = Buffer.from(
    '{"schemaVersion":1,"name":"some/app","tag":"old","architecture":"amd64","fsLayers":[],"history":[]}',
  );
  const digest = digestOf(old);
  const repository = (...names: string[]) => shared.path('repositories', 'some/app', '_manifests', ...names);
  const links = [repository('revisions', ...parts(digest)), repository('tags', 'old', 'current')];
  for (const directory of [...links, shared.path('blobs', ...blobParts(digest))]) {
    await mkdir(directory, { recursive: true });
  }
  for (const directory of links) await writeFile(`${directory}/link`, digest);
  await writeFile(shared.path('blobs', ...blobParts(digest), 'data'), old);
  await shared.serve('berth', async (client) => {
    for (const reference of ['old', digest]) {
      const { content, mediaType } = await client.getManifest('some/app', reference);
      assert.deepEqual(content, new Uint8Array(old));
      assert.match(
        mediaType ?? '',
        /^application\/vnd\.docker\.distribution\.manifest\.v1\+(json|prettyjws)$/,
      );
    }
    assert.deepEqual(await client.listTags('some/app'), ['1', 'old', 'other']);
  });
});

test('content that is gone altogether reads as a miss, and a push heals it', { skip }, async (t) => {
  const shared = await pushedByDockerRegistry(t);
  for (const digest of Object.values(contents)) {
    await rm(dirname(shared.path('blobs', ...blobParts(digest), 'data')), { recursive: true });
  }
  await shared.serve('berth', async (client) => {
    for (const path of [`blobs/${layerDigest}`, `manifests/${manifestDigest}`, 'manifests/1']) {
      await assertStatus(client, path, 404);
    }
    await assertNeverAnError(client);
    await assertHealed(client);
  });
});

test('files and directories that belong to nothing disturb nobody', { skip }, async (t) => {
  const shared = await pushedByDockerRegistry(t);
  const repository = (...names: string[]) => shared.path('repositories', ...names);
  const hashstate = 'hashstates/sha256/0';
  await mkdir(repository('some/app/_uploads/9f0c4f3e-2d7a-4c43-8f83-0f3b1a2f4e5d/hashstates/sha256'), {
    recursive: true,
  });
  await writeFile(repository('some/app/_uploads/9f0c4f3e-2d7a-4c43-8f83-0f3b1a2f4e5d', hashstate), '');
  await mkdir(repository('Upper/Case/_layers'), { recursive: true });
  await mkdir(repository('some/app/_manifests/tags/-not-a-tag/current'), { recursive: true });
  await writeFile(repository('some/app/_manifests/tags/link.9f0c4f3e.tmp'), 'sha256:');
  await writeFile(repository('some/app/_manifests/tags/1/current/link.9f0c4f3e.tmp'), '');
  await writeFile(repository('a-file'), '');
  await mkdir(repository('some/unknown/_elsewhere'), { recursive: true });
  await shared.serve('berth', async (client) => {
    await assertNeverAnError(client);
    await assertStatus(client, 'blobs/uploads/9f0c4f3e-2d7a-4c43-8f83-0f3b1a2f4e5d', 404);
    assert.ok((await client.listRepositories()).includes('some/app'));
    assert.ok((await client.listTags('some/app')).includes('1'));
    assert.deepEqual((await client.getManifest('some/app', '1')).content, new Uint8Array(image.manifest));
  });
});

async function pushedByDockerRegistry(
  cleaner: Parameters<typeof createSharedDirectory>[0],
): Promise<SharedDirectory> {
  const shared = await createSharedDirectory(cleaner);
  await shared.serve('docker-registry', async (client) => {
    await client.pushImage('some/app', image, '1');
    await client.pushImage('some/app', other, 'other');
  });
  return shared;
}

/** Every read answers, whatever is broken, and the other image is untouched. */
async function assertNeverAnError(client: RegistryClient): Promise<void> {
  const paths = [
    'manifests/1',
    `manifests/${manifestDigest}`,
    `blobs/${layerDigest}`,
    `blobs/${configDigest}`,
  ];
  for (const path of [...paths, 'tags/list', `referrers/${manifestDigest}`]) {
    for (const method of ['GET', 'HEAD']) {
      const { status } = await client.send(method, `/v2/some/app/${path}`);
      assert.ok(
        status === 200 || status === 404 || (status === 405 && method === 'HEAD'),
        `${method} ${path}: ${status}`,
      );
    }
  }
  assert.ok((await client.listRepositories()).includes('some/app'));
  await assertServed(client, 'other', other);
}

async function assertStatus(client: RegistryClient, path: string, status: number): Promise<void> {
  for (const method of ['HEAD', 'GET']) {
    const answer = await client.send(method, `/v2/some/app/${path}`);
    assert.equal(answer.status, status, `${method} ${path}`);
  }
}

async function assertHealed(client: RegistryClient): Promise<void> {
  await client.pushImage('some/app', image, '1');
  await assertServed(client, '1', image);
}

async function assertServed(client: RegistryClient, tag: string, expected: SampleImage): Promise<void> {
  for (const reference of [tag, expected.descriptor.digest]) {
    const { content } = await client.getManifest('some/app', reference);
    assert.deepEqual(content, new Uint8Array(expected.manifest));
  }
  for (const [digest, content] of expected.blobs) {
    assert.deepEqual(await client.getBlob('some/app', digest), new Uint8Array(content));
  }
}

function parts(digest: string): string[] {
  return digest.split(':');
}

function blobParts(digest: string): string[] {
  const [algorithm = '', hex = ''] = parts(digest);
  return [algorithm, hex.slice(0, 2), hex];
}
