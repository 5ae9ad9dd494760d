// Among many tags Berth notes which are on a manifest. docker-registry knows nothing of that, and moves tags all the same.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import type { RegistryClient } from '../support/registry-client.ts';
import { makeImage, type SampleImage } from '../support/sample-image.ts';
import { createSharedDirectory, skip } from './shared-directory.ts';

const kept = makeImage('kept');
const [first, second, third] = ['first', 'second', 'third'].map((name) => makeImage(name)) as [
  SampleImage,
  SampleImage,
  SampleImage,
];
const many = Array.from({ length: 210 }, (_, number) => `t${String(number).padStart(3, '0')}`);

test('whichever server moved a tag, it goes with the manifest that it is on, and with no other', {
  skip,
}, async (t) => {
  const shared = await createSharedDirectory(t);
  await shared.serve('docker-registry', async (client) => {
    await client.pushImage('app', kept, 'kept');
    await tagAll(client, kept, many);
    for (const [image, tag] of [
      [first, 't000'],
      [second, 't001'],
      [third, 't002'],
    ] as const) {
      await client.pushImage('app', image, tag);
    }
  });
  await shared.serve('berth', async (client) => {
    await deleteManifest(client, first);
    await assertTags(client, without('t000'));
    await tagAll(client, second, ['t010', 't011']);
    await tagAll(client, third, ['t012']);
    await untilNoted(shared.path('repositories/app/_berth'));
  });
  await shared.serve('docker-registry', async (client) => {
    await assertTags(client, without('t000'));
    // Onto a manifest whose tags Berth has noted, and away from one.
    await tagAll(client, second, ['t020', 't012', 'new']);
    await tagAll(client, kept, ['t011']);
  });
  await shared.serve('berth', async (client) => {
    await deleteManifest(client, second);
    await assertTags(client, without('t000', 't001', 't010', 't012', 't020'));
    await client.pushImage('app', second, 'again');
    await assertTags(client, [...without('t000', 't001', 't010', 't012', 't020'), 'again'].sort());
    await deleteManifest(client, second);
    await deleteManifest(client, third);
  });
  await shared.collectGarbage('--delete-untagged');
  for (const server of ['docker-registry', 'berth'] as const) {
    await shared.serve(server, async (client) => {
      await assertTags(client, without('t000', 't001', 't002', 't010', 't012', 't020'));
      assert.equal((await client.getManifest('app', 't011')).digest, kept.descriptor.digest);
    });
  }
});

async function tagAll(client: RegistryClient, image: SampleImage, tags: readonly string[]): Promise<void> {
  for (const tag of tags) await client.putManifest('app', tag, image.manifest, image.descriptor.mediaType);
}

async function deleteManifest(client: RegistryClient, image: SampleImage): Promise<void> {
  const { status } = await client.send('DELETE', `/v2/app/manifests/${image.descriptor.digest}`);
  assert.equal(status, 202);
}

async function assertTags(client: RegistryClient, expected: readonly string[]): Promise<void> {
  assert.deepEqual(await client.listTags('app'), expected);
}

function without(...gone: readonly string[]): string[] {
  return ['kept', ...many].filter((tag) => !gone.includes(tag)).sort();
}

/** What is left of a delete behind its answer is done when nothing says any more that it is to be. */
async function untilNoted(directory: string): Promise<void> {
  for (;;) {
    const names = await readdir(directory);
    const left = names.includes('deleted') ? await readdir(`${directory}/deleted`) : [];
    if (names.includes('tagged') && left.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
