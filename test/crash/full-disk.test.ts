// A disk that is full: pushes are refused with 507 and leave nothing behind, pulls go on, and when there is space again
// so do the pushes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { inReverse, privateDirectory } from '../support/processes.ts';
import { createRegistryClient } from '../support/registry-client.ts';
import { digestOf, makeImage } from '../support/sample-image.ts';
import { assertRefused } from './answers.ts';
import { startBerthUnder } from './harmed-server.ts';
import { createRandom } from './random.ts';

const MIB = 1024 * 1024;
const isRoot = process.getuid?.() === 0;
const skip = isRoot ? false : 'only root can mount a small disk';

test('a push to a full disk is refused with 507, pulls go on, and freed space is used', {
  skip,
}, async (context) => {
  const { client, directory } = await startOnSmallDisk(context);
  const kept = makeImage('kept');
  await client.pushImage('app', kept, 'kept');
  const random = createRandom(1);
  const large = random.bytes(16 * MIB);
  const digest = digestOf(large);

  await assertRefused(
    await client.send('POST', `/v2/app/blobs/uploads/?digest=${digest}`, { body: large }),
    507,
    'DENIED',
  );
  const location = await client.startUpload('app');
  await assertRefused(await client.send('PATCH', location, { body: large }), 507, 'DENIED');
  assert.equal((await client.send('HEAD', `/v2/app/blobs/${digest}`)).status, 404);
  assert.deepEqual(await client.pushBlob('app', random.bytes(4 * MIB)).then(() => 'pushed'), 'pushed');

  const filler = join(directory, 'filler');
  await fillUp(directory, filler);
  const refused = makeImage('refused');
  const { mediaType } = kept.descriptor;
  const headers = { 'content-type': mediaType };
  const changed = Buffer.concat([kept.manifest, Buffer.from(' '.repeat(8192))]);
  for (const path of ['/v2/app/manifests/refused', `/v2/app/manifests/${digestOf(changed)}`]) {
    await assertRefused(await client.send('PUT', path, { headers, body: changed }), 507, 'DENIED');
    assert.equal((await client.send('GET', path)).status, 404, path);
  }
  const begun = await client.startUpload('new');
  const body = random.bytes(100_000);
  await assertRefused(await client.send('PATCH', begun, { body }), 507, 'DENIED');
  // For few bytes there is room in the journal; there is none for a blob.
  const small = await client.startUpload('new');
  const { status } = await client.send('PATCH', small, { body: changed });
  const end = `${small}${small.includes('?') ? '&' : '?'}digest=${digestOf(changed)}`;
  if (status === 202) await assertRefused(await client.send('PUT', end), 507, 'DENIED');
  else assert.equal(status, 507);
  assert.deepEqual(await client.listTags('app'), ['kept']);
  assert.deepEqual(await client.listRepositories(), ['app']);
  assert.deepEqual(
    Buffer.from((await client.getManifest('app', 'kept')).content),
    Buffer.from(kept.manifest),
  );
  for (const [name, content] of kept.blobs) {
    assert.ok(Buffer.from(await client.getBlob('app', name)).equals(Buffer.from(content)), 'other bytes');
  }

  await rm(filler);
  await client.pushImage('app', refused, 'refused');
  assert.deepEqual(await client.listTags('app'), ['kept', 'refused']);
  const rest = random.bytes(1 * MIB);
  await client.appendChunk(location, rest, 0);
  await client.closeUpload(location, digestOf(rest));
});

test('what is deleted makes room on a full disk', { skip }, async (context) => {
  const { client, directory } = await startOnSmallDisk(context);
  await client.pushImage('app', makeImage('one'), 'one');
  await fillUp(directory, join(directory, 'filler'));
  assert.equal((await client.send('DELETE', '/v2/app/manifests/one')).status, 202);
  assert.equal((await client.send('GET', '/v2/app/manifests/one')).status, 404);
});

async function startOnSmallDisk(context: TestContext) {
  const cleaner = inReverse(context);
  const directory = await privateDirectory('full', cleaner);
  // A mount of the file system's own is gone with it: privateDirectory unmounts what is below itself.
  const disk = join(directory, 'disk');
  spawnSync('mkdir', [disk]);
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=10m', 'tmpfs', disk]).status, 0);
  const server = await startBerthUnder([], disk);
  cleaner.after(async () => void (await server.stop()));
  return { client: createRegistryClient(server.url), directory: disk };
}

async function fillUp(directory: string, file: string): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  await writeFile(file, Buffer.alloc(bavail * bsize));
}
