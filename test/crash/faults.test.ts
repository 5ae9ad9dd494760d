// A server that the system lets down: it says so in each answer, never calls durable what is not, never sends other bytes than
// those that were pushed, and goes on by itself when the fault is over.
import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { inReverse } from '../support/processes.ts';
import { createRegistryClient } from '../support/registry-client.ts';
import { digestOf, makeImage } from '../support/sample-image.ts';
import { temporaryDirectory } from '../support/service.ts';
import { assertRefused } from './answers.ts';
import { injectFault, startBerthUnder, withoutStrace } from './harmed-server.ts';
import { createRandom } from './random.ts';

const isRoot = process.getuid?.() === 0;
/** Even root may only do then what the modes of files permit. */
const WITHOUT_PRIVILEGES = isRoot
  ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--inh-caps=-dac_override,-dac_read_search']
  : [];
const FEW_FILES = ['sh', '-c', 'ulimit -n 64 && exec "$@"', 'sh'];
/** Uploads that are synced at the same time: more than the four threads that Node has without being asked. */
const SLOW_UPLOADS = 6;

test('without the right to write, pushes fail and pulls go on', async (context) => {
  const { client, directory, image } = await start(context, WITHOUT_PRIVILEGES);
  const store = join(directory, 'docker', 'registry', 'v2');
  const content = createRandom(2).bytes(100_000);
  const digest = digestOf(content);
  for (const closed of ['blobs/sha256', 'repositories']) await chmod(join(store, closed), 0o555);
  try {
    const path = `/v2/new/blobs/uploads/?digest=${digest}`;
    await assertRefused(await client.send('POST', path, { body: content }), 500, 'UNKNOWN');
    const location = await client.startUpload('new');
    await assertRefused(await client.send('PATCH', location, { body: content }), 500, 'UNKNOWN');
    assert.equal((await client.send('HEAD', `/v2/new/blobs/${digest}`)).status, 404);
    assert.deepEqual(await client.listRepositories(), ['app']);
    await client.getManifest('app', 'kept');
    for (const blob of image.blobs.keys()) await client.getBlob('app', blob);
  } finally {
    for (const closed of ['blobs/sha256', 'repositories']) await chmod(join(store, closed), 0o755);
  }
  assert.equal(await client.pushBlob('new', content), digest);
});

test('what may not be read is no 404', async (context) => {
  const { client, image, fileOf } = await start(context, WITHOUT_PRIVILEGES);
  const [blob = ''] = image.blobs.keys();
  await chmod(fileOf(blob), 0);
  await assertRefused(await client.send('GET', `/v2/app/blobs/${blob}`), 500, 'UNKNOWN');
  await chmod(fileOf(blob), 0o644);
  await client.getBlob('app', blob);
});

test('without free file descriptors requests fail with 503, and later succeed', async (context) => {
  const { client, image, port } = await start(context, FEW_FILES);
  const [blob = ''] = image.blobs.keys();
  const holders: Socket[] = [];
  try {
    for (let count = 0; count < 100; count += 1) holders.push(await holdConnection(port));
    const attempts = Array.from({ length: 40 }, () =>
      attempt(() => client.send('GET', `/v2/app/blobs/${blob}`)),
    );
    const statuses = await Promise.all(attempts);
    assert.ok(
      statuses.every((status) => [200, 503, undefined].includes(status)),
      String(statuses),
    );
    assert.ok(
      statuses.some((status) => status !== 200),
      'there were file descriptors enough',
    );
  } finally {
    for (const holder of holders) holder.destroy();
  }
  await untilItSucceeds(() => client.getBlob('app', blob));
  await client.pushImage('app', makeImage('later'), 'later');
  assert.deepEqual(await client.listTags('app'), ['kept', 'later']);
});

test('what the disk refuses to sync is not acknowledged, and not there', {
  skip: withoutStrace,
}, async (context) => {
  const { client, pid } = await start(context);
  const content = createRandom(3).bytes(300_000);
  const digest = digestOf(content);
  const location = await client.startUpload('app');
  await client.appendChunk(location, content.subarray(0, 1000), 0);
  const image = makeImage('refused');
  for (const blob of image.blobs.values()) await client.pushBlob('app', blob);
  const { mediaType } = image.descriptor;
  const push = { headers: { 'content-type': mediaType }, body: image.manifest };

  let fault = await injectFault(pid, 'fsync,fdatasync:error=EIO');
  const path = `/v2/app/blobs/uploads/?digest=${digest}`;
  await assertRefused(await client.send('POST', path, { body: content }), 500, 'UNKNOWN');
  await assertRefused(await client.send('PATCH', location, { body: content.subarray(1000) }), 500, 'UNKNOWN');
  const begun = await client.startUpload('app');
  await assertRefused(await client.send('PATCH', begun, { body: content }), 500, 'UNKNOWN');
  await fault.end();
  // Small writes are synced as they are written.
  fault = await injectFault(pid, 'fsync,fdatasync,pwrite64:error=EIO');
  await assertRefused(await client.send('PUT', '/v2/app/manifests/refused', push), 500, 'UNKNOWN');
  await client.getManifest('app', 'kept');
  await fault.end();

  assert.equal((await client.send('HEAD', `/v2/app/blobs/${digest}`)).status, 404);
  assert.equal((await client.send('GET', '/v2/app/manifests/refused')).status, 404);
  await client.appendChunk(location, content.subarray(1000), 1000);
  await client.closeUpload(location, digest);
  assert.ok(Buffer.from(await client.getBlob('app', digest)).equals(Buffer.from(content)), 'other bytes');
  await client.putManifest('app', 'refused', image.manifest, mediaType);
});

test('what the disk refuses to read is never a whole answer', { skip: withoutStrace }, async (context) => {
  const { client, pid, image, fileOf } = await start(context);
  // More reads than there are threads, so that one of them reads twice: strace counts by thread.
  const content = createRandom(4).bytes(24 * 1024 * 1024);
  const blob = await client.pushBlob('app', content);
  const fail = 'pread64,preadv,read:error=EIO';
  for (const when of ['', ':when=2+']) {
    const fault = await injectFault(pid, `${fail}${when}`, fileOf(blob));
    const status = await attempt(() => client.send('GET', `/v2/app/blobs/${blob}`));
    assert.ok(status === 500 || status === undefined, String(status));
    await fault.end();
  }
  const manifest = image.descriptor.digest;
  const fault = await injectFault(pid, fail, fileOf(manifest));
  await assertRefused(await client.send('GET', '/v2/app/manifests/kept'), 500, 'UNKNOWN');
  await fault.end();

  assert.ok(Buffer.from(await client.getBlob('app', blob)).equals(Buffer.from(content)), 'other bytes');
  await client.getManifest('app', 'kept');
});

test('uploads that wait for a slow disk do not hold up pulls', { skip: withoutStrace }, async (context) => {
  const { client, pid, image } = await start(context);
  const fault = await injectFault(pid, 'fdatasync:delay_enter=4s');
  let pushed = 0;
  const pushes = Array.from({ length: SLOW_UPLOADS }, async (_, index) => {
    await client.pushBlob('app', createRandom(index).bytes(100_000));
    pushed += 1;
  });
  for (const blob of image.blobs.keys()) await client.getBlob('app', blob);
  await client.getManifest('app', 'kept');
  assert.equal(pushed, 0, 'the pulls came after the pushes');
  await Promise.all(pushes);
  await fault.end();
});

async function start(context: TestContext, under: readonly string[] = []) {
  const cleaner = inReverse(context);
  const directory = await temporaryDirectory(cleaner);
  const server = await startBerthUnder(under, directory);
  cleaner.after(async () => void (await server.stop()));
  const client = createRegistryClient(server.url);
  const image = makeImage('kept');
  await client.pushImage('app', image, 'kept');
  const fileOf = (digest: string) => {
    const [algorithm = '', hex = ''] = digest.split(':');
    return join(directory, 'docker', 'registry', 'v2', 'blobs', algorithm, hex.slice(0, 2), hex, 'data');
  };
  return { client, directory, image, fileOf, pid: server.pid, port: server.port };
}

/** The status of a whole answer; `undefined` if the connection was cut or refused. */
async function attempt(request: () => Promise<Response>): Promise<number | undefined> {
  try {
    const response = await request();
    await response.bytes();
    return response.status;
  } catch {
    return undefined;
  }
}

/** Takes a file descriptor of the server, as far as it has one left. */
async function holdConnection(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', () => resolve());
  });
  return socket;
}

async function untilItSucceeds(request: () => Promise<unknown>): Promise<void> {
  for (let left = 50; ; left -= 1) {
    try {
      await request();
      return;
    } catch (error) {
      if (left === 0) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
