// The real skopeo against the registry: copies in every format, sync, inspect, list-tags, delete, and a whole registry
// copied into a second one and back.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createContainerTools } from '../support/container-tools.ts';
import { createRegistryClient } from '../support/registry-client.ts';
import { notInReference, startRegistryUnderTest } from '../support/registry-under-test.ts';
import { digestOf, makeImage, makeIndex, mediaTypes, writeLayout } from '../support/sample-image.ts';
import { whyNotHere } from '../support/system-packages.ts';

const TO_PLAIN = '--dest-tls-verify=false';
const FROM_PLAIN = '--src-tls-verify=false';
const PLAIN = '--tls-verify=false';

test('skopeo works against the registry', { skip: whyNotHere(['skopeo']) }, async (t) => {
  const registry = await startRegistryUnderTest(t);
  const client = createRegistryClient(registry.url);
  const { directory, skopeo, trySkopeo } = await createContainerTools(t);
  const amd64 = makeImage('skopeo on amd64');
  const index = makeIndex([amd64, makeImage('skopeo on arm64', { architecture: 'arm64' })]);
  const layout = join(directory, 'layout');
  await writeLayout(layout, 'multi', index);
  const multi = `oci:${layout}:multi`;
  const at = (name: string) => `docker://${registry.host}/${name}`;
  const choose = ['--override-os', 'linux', '--override-arch', 'amd64'];

  for (const format of ['oci', 'v2s2'] as const) {
    await t.test(`copy --format ${format} stores that format`, async () => {
      await skopeo(...choose, 'copy', TO_PLAIN, '--format', format, multi, at(`demo/app:${format}`));
      const stored = await client.getManifest('demo/app', format);
      assert.equal(stored.mediaType, format === 'oci' ? mediaTypes.manifest : mediaTypes.dockerManifest);
      assert.equal(stored.digest, digestOf(stored.content));
      const back = join(directory, `back-${format}`);
      await skopeo('copy', FROM_PLAIN, at(`demo/app:${format}`), `dir:${back}`);
      assert.deepEqual(await readFile(join(back, 'manifest.json')), Buffer.from(stored.content));
    });
  }

  await t.test('copy --format v2s1 is refused, and nothing is stored', { skip: notInReference }, async () => {
    const copy = [...choose, 'copy', TO_PLAIN, '--format', 'v2s1', multi, at('demo/app:old')];
    const { code, stderr } = await trySkopeo(...copy);
    assert.equal(code, 1);
    assert.match(stderr, /manifest invalid|unsupported|40[05]|415/i);
    assert.equal((await client.send('GET', '/v2/demo/app/manifests/old')).status, 404);
    assert.deepEqual(await client.listTags('demo/app'), ['oci', 'v2s2']);
  });

  await t.test('copy --all of an index keeps every digest', async () => {
    await skopeo('copy', TO_PLAIN, '--all', multi, at('demo/multi:1'));
    const stored = await client.getManifest('demo/multi', '1');
    assert.equal(stored.digest, index.descriptor.digest);
    for (const image of index.images) {
      const child = await client.getManifest('demo/multi', image.descriptor.digest);
      assert.deepEqual(child.content, new Uint8Array(image.manifest));
    }
  });

  await t.test('inspect tells the digest, the tags and the layers', async () => {
    const { stdout } = await skopeo(...choose, 'inspect', PLAIN, at('demo/multi:1'));
    assert.ok(stdout.includes(`"Digest": "${index.descriptor.digest}"`), stdout);
    for (const digest of [...amd64.blobs.keys()].slice(1)) assert.ok(stdout.includes(digest), stdout);
    const raw = await skopeo('inspect', '--raw', PLAIN, at('demo/multi:1'));
    assert.equal(digestOf(Buffer.from(raw.stdout)), index.descriptor.digest);
  });

  await t.test('list-tags lists them', async () => {
    const { stdout } = await skopeo('list-tags', PLAIN, at('demo/app'));
    assert.deepEqual(tagsIn(stdout), ['oci', 'v2s2']);
  });

  await t.test('sync copies a repository into a directory and back under another name', async () => {
    const folder = join(directory, 'synced');
    const out = ['sync', '--all', '--scoped', '--src', 'docker', '--dest', 'dir', FROM_PLAIN];
    await skopeo(...out, `${registry.host}/demo/multi`, folder);
    const into = ['sync', '--all', '--src', 'dir', '--dest', 'docker', TO_PLAIN];
    await skopeo(...into, join(folder, registry.host, 'demo'), `${registry.host}/synced`);
    const stored = await client.getManifest('synced/multi', '1');
    assert.equal(stored.digest, index.descriptor.digest);
  });

  await t.test('delete takes the manifest and its tags away', async () => {
    await skopeo('copy', TO_PLAIN, FROM_PLAIN, at('demo/app:oci'), at('demo/doomed:1'));
    await skopeo('copy', TO_PLAIN, FROM_PLAIN, at('demo/app:v2s2'), at('demo/doomed:2'));
    await skopeo('delete', PLAIN, at('demo/doomed:1'));
    assert.equal((await client.send('GET', '/v2/demo/doomed/manifests/1')).status, 404);
    assert.deepEqual(await client.listTags('demo/doomed'), ['2']);
    const again = await trySkopeo('delete', PLAIN, at('demo/doomed:1'));
    assert.notEqual(again.code, 0);
  });

  await t.test(
    'everything is copied into a second registry and back with the same digests',
    async (inner) => {
      const second = await startRegistryUnderTest(inner);
      const third = await startRegistryUnderTest(inner);
      const hosts = [registry.host, second.host, third.host];
      const images: string[] = [];
      for (const repository of await client.listRepositories()) {
        for (const tag of await client.listTags(repository)) images.push(`${repository}:${tag}`);
      }
      assert.ok(images.length >= 5, images.join());
      for (const image of images) {
        for (const [from, to] of [hosts.slice(0, 2), hosts.slice(1)]) {
          const copy = ['copy', '--all', '--preserve-digests', FROM_PLAIN, TO_PLAIN];
          await skopeo(...copy, `docker://${from}/${image}`, `docker://${to}/${image}`);
        }
      }
      const last = createRegistryClient(third.url);
      assert.deepEqual(await last.listRepositories(), await client.listRepositories());
      for (const image of images) {
        const [repository = '', tag = ''] = image.split(':');
        assert.deepEqual(await last.getManifest(repository, tag), await client.getManifest(repository, tag));
      }
    },
  );
});

function tagsIn(json: string): string[] {
  const parsed: unknown = JSON.parse(json);
  const tags = parsed !== null && typeof parsed === 'object' ? Reflect.get(parsed, 'Tags') : undefined;
  assert.ok(Array.isArray(tags) && tags.every((tag) => typeof tag === 'string'), json);
  return tags.sort();
}
