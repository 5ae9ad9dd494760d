// One server put in the other's place: the successor serves what the predecessor stored, and goes on from there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeImage } from '../support/sample-image.ts';
import { pushOfEveryKind, readContents } from './contents.ts';
import { createSharedDirectory, directions, type Server, skip } from './shared-directory.ts';

for (const [first, second] of directions) {
  test(`${second} serves everything that ${first} stored, byte for byte`, { skip }, async (t) => {
    const shared = await createSharedDirectory(t);
    const [blobs, stored] = await shared.serve(first, async (client) => {
      const pushed = await pushOfEveryKind(client);
      return [pushed, await readContents(client, pushed)] as const;
    });
    const served = await shared.serve(second, (client) => readContents(client, blobs));
    assert.deepEqual(served, stored);
    assert.ok(stored.length > 15, stored.join('\n'));
  });

  test(`what ${first} deleted stays deleted under ${second}`, { skip }, async (t) => {
    const shared = await createSharedDirectory(t);
    const image = makeImage('to be deleted');
    const [layer = ''] = image.blobs.keys();
    const { digest } = image.descriptor;
    await shared.serve(first, async (client) => {
      await client.pushImage('some/app', makeImage('to be kept'), 'kept');
      await client.pushImage('some/app', image, '1');
      await client.pushImage('some/app', image, '2');
      assert.equal((await client.send('DELETE', `/v2/some/app/manifests/${digest}`)).status, 202);
      assert.equal((await client.send('DELETE', `/v2/some/app/blobs/${layer}`)).status, 202);
    });
    await shared.serve(second, async (client) => {
      assert.deepEqual(await client.listTags('some/app'), ['kept']);
      for (const path of ['manifests/1', 'manifests/2', `manifests/${digest}`, `blobs/${layer}`]) {
        assert.equal((await client.send('GET', `/v2/some/app/${path}`)).status, 404, path);
      }
      assert.equal(await client.pushImage('some/app', image, '1'), digest);
    });
  });
}

test('a tag that both move in turn always points to the last image', { skip }, async (t) => {
  const shared = await createSharedDirectory(t);
  const turns: readonly Server[] = [
    'docker-registry',
    'berth',
    'docker-registry',
    'berth',
    'docker-registry',
  ];
  let last = '';
  for (const [number, server] of turns.entries()) {
    await shared.serve(server, async (client) => {
      if (last !== '') assert.equal((await client.getManifest('moved', 'latest')).digest, last);
      last = await client.pushImage('moved', makeImage(`image ${number}`), 'latest');
      await client.pushImage('moved', makeImage(`image ${number}`), `by-${server}`);
    });
  }
  for (const server of ['berth', 'docker-registry'] as const) {
    await shared.serve(server, async (client) => {
      assert.equal((await client.getManifest('moved', 'latest')).digest, last);
      assert.deepEqual(await client.listTags('moved'), ['by-berth', 'by-docker-registry', 'latest']);
      for (const number of turns.keys()) {
        const { descriptor, manifest } = makeImage(`image ${number}`);
        assert.deepEqual(
          (await client.getManifest('moved', descriptor.digest)).content,
          new Uint8Array(manifest),
        );
      }
    });
  }
});
