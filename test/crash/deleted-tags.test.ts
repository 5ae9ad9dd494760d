// A server that ends, by kill -9 or politely, soon after a delete among many tags was answered: the tags are gone for whoever
// comes next, and do not come back with the manifest.
import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRegistryClient } from '../support/registry-client.ts';
import { digestOf, makeImage } from '../support/sample-image.ts';
import { startBerth, temporaryDirectory } from '../support/service.ts';

const ENDS = 12;
/** Milliseconds after the answer within which the server is ended. */
const LONGEST_LIFE_MS = 60;
const MANY = 600;
const configuration = { storage: { delete: { enabled: true } } };
const image = makeImage('to be deleted');
const kept = makeImage('to be kept');

test('tags that went with their manifest stay away, whenever the server ends', async (context) => {
  const directory = await temporaryDirectory(context);
  const tagDirectory = join(directory, 'docker/registry/v2/repositories/app/_manifests/tags');
  const start = async () => {
    const server = await startBerth({ directory, configuration });
    return { ...server, client: createRegistryClient(server.url) };
  };
  const before = await start();
  await before.client.pushImage('app', kept, 'kept');
  await before.client.pushImage('app', image, 'gone');
  await before.stop();
  const stays = Array.from({ length: MANY }, (_, number) => `kept-${number}`);
  for (const tag of stays) await pointAsOthersDo(tagDirectory, tag, kept.manifest);
  const expected = ['kept', ...stays].sort();

  for (let end = 0; end < ENDS; end += 1) {
    for (let number = 0; number < 40; number += 1) {
      await pointAsOthersDo(tagDirectory, `gone-${number}`, image.manifest);
    }
    const server = await start();
    const path = `/v2/app/manifests/${image.descriptor.digest}`;
    assert.equal((await server.client.send('DELETE', path)).status, 202);
    assert.deepEqual(await server.client.listTags('app'), expected, 'at once');
    await sleep((end / ENDS) * LONGEST_LIFE_MS);
    await server.stop(end % 3 === 2 ? 'SIGTERM' : 'SIGKILL');

    const next = await start();
    assert.deepEqual(await next.client.listTags('app'), expected, 'for the next server');
    await next.client.pushImage('app', image, 'again');
    assert.deepEqual(await next.client.listTags('app'), ['again', ...expected].sort());
    assert.equal((await next.client.getManifest('app', 'again')).digest, image.descriptor.digest);
    assert.equal((await next.client.send('DELETE', '/v2/app/manifests/again')).status, 202);
    assert.equal(await next.stop(), 0);
    assert.deepEqual((await readdir(tagDirectory)).sort(), expected, 'nor is anything of them left');
  }
});

/** As the `registry` image points a tag: nothing else knows of it. */
async function pointAsOthersDo(tagDirectory: string, tag: string, manifest: Uint8Array): Promise<void> {
  const digest = digestOf(manifest);
  for (const place of [`index/sha256/${digest.slice('sha256:'.length)}`, 'current']) {
    await mkdir(join(tagDirectory, tag, place), { recursive: true });
    await writeFile(join(tagDirectory, tag, place, 'link'), digest);
  }
}
