// containerd's own client against the registry: a push of an index with two platforms, and a pull into an empty containerd.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCommand } from '../support/command.ts';
import { startContainerd } from '../support/containerd.ts';
import { privateDirectory } from '../support/processes.ts';
import { createRegistryClient } from '../support/registry-client.ts';
import { startRegistryUnderTest } from '../support/registry-under-test.ts';
import { makeImage, makeIndex, writeLayout } from '../support/sample-image.ts';
import { whyNotHere } from '../support/system-packages.ts';

const programs = ['containerd', 'ctr', 'tar'] as const;

test('ctr works against the registry', { skip: whyNotHere(programs, { root: true }) }, async (t) => {
  const registry = await startRegistryUnderTest(t);
  const client = createRegistryClient(registry.url);
  const directory = await privateDirectory('ctr-files', t);
  const { ctr } = await startContainerd(t);
  const index = makeIndex([makeImage('ctr on amd64'), makeImage('ctr on arm64', { architecture: 'arm64' })]);
  const name = `${registry.host}/demo/ctr:1`;

  await t.test('an index with two platforms is pushed whole', async () => {
    const layout = join(directory, 'layout');
    const archive = join(directory, 'layout.tar');
    await writeLayout(layout, name, index);
    await runCommand(['tar', '--create', '--file', archive, '--directory', layout, '.']);
    await ctr('images', 'import', '--all-platforms', '--no-unpack', archive);
    await ctr('images', 'push', '--plain-http', name);
    const stored = await client.getManifest('demo/ctr', '1');
    assert.equal(stored.digest, index.descriptor.digest);
    for (const image of index.images) {
      for (const [digest, content] of image.blobs) {
        assert.deepEqual(await client.getBlob('demo/ctr', digest), new Uint8Array(content));
      }
    }
  });

  await t.test('another containerd pulls both platforms with all that belongs to them', async (inner) => {
    const other = await startContainerd(inner);
    await other.ctr('images', 'pull', '--plain-http', '--all-platforms', name);
    const held = (await other.ctr('content', 'list', '--quiet')).stdout;
    for (const image of index.images) {
      for (const digest of [image.descriptor.digest, ...image.blobs.keys()])
        assert.ok(held.includes(digest), held);
    }
    const listed = await other.ctr('images', 'list');
    assert.ok(listed.stdout.includes(index.descriptor.digest), listed.stdout);
    assert.match(listed.stdout, /linux\/amd64,linux\/arm64/);
  });

  await t.test('a pull by digest gives that image', async (inner) => {
    const other = await startContainerd(inner);
    const byDigest = `${registry.host}/demo/ctr@${index.descriptor.digest}`;
    await other.ctr('images', 'pull', '--plain-http', byDigest);
    assert.ok((await other.ctr('images', 'list', '--quiet')).stdout.includes(byDigest));
  });

  await t.test('what was never pushed is not found', async () => {
    await assert.rejects(
      ctr('images', 'pull', '--plain-http', `${registry.host}/demo/ctr:none`),
      /not found/,
    );
  });
});
