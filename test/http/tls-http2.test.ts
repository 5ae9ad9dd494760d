// The registry over HTTP/2: everything that it does with a request, with clients that are not ours where they matter.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCommand } from '../support/command.ts';
import { privateDirectory } from '../support/processes.ts';
import { openTlsRegistry, type TlsRegistry } from '../support/tls.ts';

const digestOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const MIB = 1024 * 1024;

function clientOf(t: TestContext, { port, certificates }: TlsRegistry): ClientHttp2Session {
  const client = connect(`https://127.0.0.1:${port}`, { ca: certificates.ca, maxSessionMemory: 256 });
  client.on('error', () => undefined);
  t.after(() => client.destroy());
  return client;
}

interface Http2Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

async function answerOf(stream: ClientHttp2Stream): Promise<Http2Answer> {
  const [headers] = await once(stream, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { status: headers[':status'], headers, body: Buffer.concat(chunks) };
}

function ask(client: ClientHttp2Session, method: string, path: string, body?: Uint8Array) {
  const stream = client.request({ ':method': method, ':path': path }, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}

async function push(client: ClientHttp2Session, bytes: Uint8Array): Promise<string> {
  const digest = digestOf(bytes);
  const { status } = await ask(client, 'POST', `/v2/app/blobs/uploads/?digest=${digest}`, bytes);
  assert.equal(status, 201);
  return digest;
}

function errorsIn({ logLines }: TlsRegistry): readonly string[] {
  return logLines.filter((line) => /"level":[56]0/.test(line));
}

test('a blob goes in by chunks of unknown length and comes out whole and in parts', async (t) => {
  const registry = await openTlsRegistry(t);
  const client = clientOf(t, registry);
  const bytes = randomBytes(5 * MIB);
  const begun = await ask(client, 'POST', '/v2/app/blobs/uploads/');
  assert.equal(begun.status, 202);
  let location = String(begun.headers['location']);
  for (const part of [bytes.subarray(0, 3 * MIB), bytes.subarray(3 * MIB)]) {
    const answer = await ask(client, 'PATCH', location, part);
    assert.equal(answer.status, 202);
    location = String(answer.headers['location']);
  }
  const digest = digestOf(bytes);
  assert.equal((await ask(client, 'PUT', `${location}?digest=${digest}`)).status, 201);
  const whole = await ask(client, 'GET', `/v2/app/blobs/${digest}`);
  assert.equal(digestOf(whole.body), digest);
  const ranged = client.request({ ':path': `/v2/app/blobs/${digest}`, range: 'bytes=10-19' });
  assert.deepEqual((await answerOf(ranged)).body, bytes.subarray(10, 20));
  const head = await ask(client, 'HEAD', `/v2/app/blobs/${digest}`);
  assert.equal(head.headers['content-length'], String(bytes.length));
  assert.equal((await ask(client, 'GET', '/v2/other/tags/list')).status, 404);
  assert.ok(
    registry.logLines.some((line) => line.includes(`"http.request.host":"127.0.0.1:${registry.port}"`)),
  );
});

test('the last chunk may come with the PUT, without a word on its length', async (t) => {
  const registry = await openTlsRegistry(t);
  const client = clientOf(t, registry);
  const bytes = randomBytes(100_000);
  const begun = await ask(client, 'POST', '/v2/app/blobs/uploads/');
  const url = `${begun.headers['location']}?digest=${digestOf(bytes)}`;
  assert.equal((await ask(client, 'PUT', url, bytes)).status, 201);
});

test('many uploads and downloads share a connection', async (t) => {
  const registry = await openTlsRegistry(t);
  const client = clientOf(t, registry);
  const blobs = Array.from({ length: 24 }, () => randomBytes(2 * MIB));
  const digests = await Promise.all(blobs.map((bytes) => push(client, bytes)));
  const answers = await Promise.all(digests.map((digest) => ask(client, 'GET', `/v2/app/blobs/${digest}`)));
  assert.deepEqual(
    answers.map(({ body }) => digestOf(body)),
    digests,
  );
  assert.deepEqual(errorsIn(registry), []);
});

for (const code of [constants.NGHTTP2_CANCEL, constants.NGHTTP2_NO_ERROR]) {
  test(`an upload that is reset with code ${code} makes no blob and no error of ours`, async (t) => {
    const registry = await openTlsRegistry(t);
    const client = clientOf(t, registry);
    const digest = digestOf(Buffer.from('whole'));
    const path = `/v2/app/blobs/uploads/?digest=${digest}`;
    const upload = client.request({ ':method': 'POST', ':path': path, 'content-length': '5' });
    upload.on('error', () => undefined);
    upload.write('who');
    await sleep(50);
    upload.close(code);
    while (!registry.logLines.some((line) => line.includes('uploads'))) await sleep(10);
    assert.equal((await ask(client, 'GET', `/v2/app/blobs/${digest}`)).status, 404);
    assert.deepEqual(errorsIn(registry), []);
  });
}

test('a connection that breaks in the middle of an upload is told as 499', async (t) => {
  const registry = await openTlsRegistry(t);
  const client = clientOf(t, registry);
  const upload = client.request({ ':method': 'PUT', ':path': '/v2/app/manifests/latest' });
  upload.on('error', () => undefined);
  upload.write('{');
  await sleep(50);
  client.destroy();
  while (!registry.logLines.some((line) => line.includes('"http.response.status":499'))) await sleep(10);
  assert.deepEqual(errorsIn(registry), []);
});

test('a download that is given up ends, and others go on', async (t) => {
  const registry = await openTlsRegistry(t);
  const client = clientOf(t, registry);
  const bytes = randomBytes(32 * MIB);
  const digest = await push(client, bytes);
  const given = client.request({ ':path': `/v2/app/blobs/${digest}` });
  given.on('error', () => undefined);
  await once(given, 'response');
  given.close(constants.NGHTTP2_CANCEL);
  assert.equal(digestOf((await ask(client, 'GET', `/v2/app/blobs/${digest}`)).body), digest);
  assert.deepEqual(errorsIn(registry), []);
});

test('a large body that is refused does not keep its connection from being used', async (t) => {
  const registry = await openTlsRegistry(t);
  const client = clientOf(t, registry);
  const refused = client.request({ ':method': 'PUT', ':path': '/v2/app/manifests/latest' });
  refused.on('error', () => undefined);
  const source = setInterval(() => refused.writable && refused.write(Buffer.alloc(MIB)), 1);
  t.after(() => clearInterval(source));
  const [headers] = await once(refused, 'response');
  assert.equal(headers[':status'], 413);
  refused.resume();
  await once(refused, 'close');
  clearInterval(source);
  assert.equal((await ask(client, 'GET', '/v2/')).status, 200);
});

test('an upload that stands still is cut alone', async (t) => {
  const registry = await openTlsRegistry(t, { pacePeriodMs: 200 });
  const client = clientOf(t, registry);
  const begun = await ask(client, 'POST', '/v2/app/blobs/uploads/');
  const stuck = client.request({ ':method': 'PATCH', ':path': String(begun.headers['location']) });
  stuck.on('error', () => undefined);
  stuck.write('12345');
  await once(stuck, 'close');
  assert.notEqual(stuck.rstCode, constants.NGHTTP2_NO_ERROR);
  // What came is kept after the client was cut, by a store of any speed.
  const range = async () => (await ask(client, 'GET', String(begun.headers['location']))).headers['range'];
  while ((await range()) === '0-0') await sleep(10);
  assert.equal(await range(), '0-4');
  assert.deepEqual(errorsIn(registry), []);
});

test('resets in quick succession end the connection, not the server', async (t) => {
  const registry = await openTlsRegistry(t);
  const client = clientOf(t, registry);
  await ask(client, 'GET', '/v2/');
  for (let count = 0; count < 5_000 && !client.destroyed && !client.closed; count += 1) {
    const stream = client.request({ ':path': '/v2/' });
    stream.on('error', () => undefined);
    stream.close(constants.NGHTTP2_CANCEL);
    if (count % 100 === 0) await sleep(1);
  }
  assert.equal((await ask(clientOf(t, registry), 'GET', '/v2/')).status, 200);
  assert.deepEqual(errorsIn(registry), []);
});

test('curl pushes and pulls a large blob over HTTP/2 and over HTTP/1.1', async (t) => {
  const registry = await openTlsRegistry(t);
  const directory = await privateDirectory('curl', t);
  const file = join(directory, 'blob');
  await writeFile(file, 'large');
  await truncate(file, 128 * MIB);
  const digest = digestOf(await readFile(file));
  const { ca } = registry.certificates.files;
  const base = `https://127.0.0.1:${registry.port}/v2/app/blobs`;
  for (const version of ['--http2', '--http1.1']) {
    const curl = (...words: string[]) =>
      runCommand(['curl', '-sSf', version, '--cacert', ca, ...words], { directory });
    const written = ['-w', '%{http_version} %{http_code}', '-o', 'out'];
    const pushed = await curl('-X', 'POST', '-T', file, ...written, `${base}/uploads?digest=${digest}`);
    assert.equal(pushed.stdout, `${version === '--http2' ? '2' : '1.1'} 201`);
    await curl('-o', 'back', `${base}/${digest}`);
    assert.equal(digestOf(await readFile(join(directory, 'back'))), digest);
  }
});
