// Uploads and the end of the process that they were begun in.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { injectFault, startBerthUnder, withoutStrace } from '../crash/harmed-server.ts';
import { createRandom } from '../crash/random.ts';
import { createRegistryClient, type RegistryClient } from '../support/registry-client.ts';
import { digestOf } from '../support/sample-image.ts';
import { temporaryDirectory } from '../support/service.ts';

const MIB = 1024 * 1024;

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`an upload goes on after ${signal} and a restart`, async (context) => {
    const directory = await temporaryDirectory(context);
    const content = createRandom(7).bytes(MIB);
    const first = await start(context, directory);
    const location = await first.client.startUpload('app');
    await first.client.appendChunk(location, content.subarray(0, 1000), 0);
    await first.server.stop(signal);

    const { client } = await start(context, directory);
    assert.equal(await standOf(client, location), 1000);
    await client.appendChunk(location, content.subarray(1000, 5000), 1000);
    await client.closeUpload(location, digestOf(content), content.subarray(5000));
    assert.ok(
      Buffer.from(await client.getBlob('app', digestOf(content))).equals(Buffer.from(content)),
      'other bytes',
    );
  });
}

test('what a killed server had received is kept, and synced before it becomes a blob', {
  skip: withoutStrace,
}, async (context) => {
  const directory = await temporaryDirectory(context);
  const content = createRandom(8).bytes(8 * MIB);
  const first = await start(context, directory);
  const location = await first.client.startUpload('app');
  const patch = request(first.server.url + location, {
    method: 'PATCH',
    headers: { 'content-length': content.length + 1 },
  });
  patch.on('error', () => undefined);
  patch.write(content);
  while ((await standOf(first.client, location)) < MIB) await sleep(10);
  await first.server.stop('SIGKILL');

  const { client, server } = await start(context, directory);
  const size = await standOf(client, location);
  const digest = digestOf(content.subarray(0, size));
  const fault = await injectFault(server.pid, 'fdatasync,fsync:error=EIO');
  const refused = await client.send('PUT', `${location}?digest=${digest}`);
  assert.equal(refused.status, 500, 'bytes that did not reach the disk were acknowledged');
  await fault.end();
  await client.closeUpload(location, digest);
  assert.equal((await client.getBlob('app', digest)).length, size);
});

test('a client that breaks off finds its bytes again', async (context) => {
  const { client, server } = await start(context, await temporaryDirectory(context));
  const content = createRandom(9).bytes(200_000);
  const location = await client.startUpload('app');
  const headers = { 'content-length': content.length, expect: '100-continue' };
  const patch = request(server.url + location, { method: 'PATCH', headers });
  patch.on('error', () => undefined);
  patch.flushHeaders();
  await once(patch, 'continue');
  await new Promise((resolve) => patch.write(content.subarray(0, 100_000), resolve));
  patch.destroy();
  while ((await standOf(client, location)) === 0) await sleep(10);
  const size = await standOf(client, location);
  await client.closeUpload(location, digestOf(content), content.subarray(size));
});

async function start(context: TestContext, directory: string) {
  const server = await startBerthUnder([], directory);
  context.after(async () => void (await server.stop('SIGKILL')));
  return { server, client: createRegistryClient(server.url) };
}

/** Bytes that the upload holds; none of these uploads ever holds a single one. */
async function standOf(client: RegistryClient, location: string): Promise<number> {
  const response = await client.send('GET', location);
  assert.equal(response.status, 204);
  const end = Number(/^0-(\d+)$/.exec(response.headers.get('range') ?? '')?.[1]);
  return end === 0 ? 0 : end + 1;
}
