// How a server stops: no new connections, running transfers to their end or to the limit, and exit code 0.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createRegistryClient } from '../support/registry-client.ts';
import { digestOf, makeImage } from '../support/sample-image.ts';
import { freePort, temporaryDirectory } from '../support/service.ts';
import { berth, run } from './berth-process.ts';

/** More than the buffers of both sides of a connection take in. */
const LARGE = Buffer.alloc(32 * 1024 * 1024, 'berth');

test('SIGTERM lets a running upload and a running download finish', async (context) => {
  const { server, port, client } = await start(context);
  const digest = await client.pushBlob('app', LARGE);
  const download = await beginDownload(port, digest);
  const content = Buffer.from('an upload that takes its time');
  const upload = await beginUpload(port, content);

  server.kill('SIGTERM');
  await server.printed('stopping');
  await assertRefusesConnections(port);
  upload.end(content.subarray(5));
  const [answer] = (await once(upload, 'response')) as [IncomingMessage];
  assert.equal(answer.statusCode, 201);
  assert.equal(answer.headers.connection, 'close');
  answer.resume();
  assert.equal(await sizeOf(download), LARGE.length);
  assert.equal(await server.exited, 0, server.stderr());
  assert.match(server.stdout(), /"msg":"stopped"/);
});

test('what is left when http.draintimeout is over is cut, and the exit code is 0', async (context) => {
  const { server, port } = await start(context, { REGISTRY_HTTP_DRAINTIMEOUT: '100ms' });
  const upload = await beginUpload(port, Buffer.from('never finished'));
  server.kill('SIGTERM');
  await assert.rejects(once(upload, 'response'), { code: 'ECONNRESET' });
  assert.equal(await server.exited, 0, server.stderr());
  assert.match(server.stdout(), /"cut":1,"msg":"stopped"/);
});

test('an idle connection does not keep a server from stopping', async (context) => {
  const { server, port } = await start(context, { REGISTRY_HTTP_DRAINTIMEOUT: '10m' });
  const idle = connect({ host: '127.0.0.1', port });
  await once(idle, 'connect');
  await fetch(`http://127.0.0.1:${port}/v2/`);
  server.kill('SIGINT');
  assert.equal(await server.exited, 0, server.stderr());
});

test('a server that has stopped leaves nothing in a log that the next one might not know', async (context) => {
  const store = await temporaryDirectory(context);
  const { server, client } = await start(context, { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: store });
  await client.pushImage('app', makeImage('last'), 'last');
  server.kill('SIGTERM');
  assert.equal(await server.exited, 0, server.stderr());
  assert.deepEqual(await readdir(join(store, '.berth/log')), []);
});

test('a second signal waits for nobody', async (context) => {
  const { server, port } = await start(context, { REGISTRY_HTTP_DRAINTIMEOUT: '10m' });
  const upload = await beginUpload(port, Buffer.from('never finished'));
  const cut = assert.rejects(once(upload, 'response'), { code: 'ECONNRESET' });
  server.kill('SIGTERM');
  await server.printed('stopping');
  server.kill('SIGTERM');
  assert.equal(await server.exited, 1);
  await cut;
});

async function start(context: TestContext, environment: NodeJS.ProcessEnv = {}) {
  const directory = await temporaryDirectory(context);
  const port = await freePort();
  const server = run(context, [...berth, 'serve'], {
    directory,
    environment: { REGISTRY_HTTP_ADDR: `127.0.0.1:${port}`, ...environment },
  });
  await server.printed('Berth is up');
  return { server, port, client: createRegistryClient(`http://127.0.0.1:${port}`) };
}

/** Sends the head of a push and the first five bytes of its content, and waits until the server has seen them. */
async function beginUpload(port: number, content: Buffer): Promise<ClientRequest> {
  const upload = request({
    host: '127.0.0.1',
    port,
    method: 'POST',
    path: `/v2/app/blobs/uploads/?digest=${digestOf(content)}`,
    headers: { 'content-length': content.length, expect: '100-continue' },
    agent: false,
  });
  upload.flushHeaders();
  await once(upload, 'continue');
  upload.write(content.subarray(0, 5));
  return upload;
}

async function beginDownload(port: number, digest: string): Promise<IncomingMessage> {
  const download = request({ host: '127.0.0.1', port, path: `/v2/app/blobs/${digest}`, agent: false }).end();
  const [response] = (await once(download, 'response')) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  return response;
}

async function sizeOf(response: IncomingMessage): Promise<number> {
  let size = 0;
  for await (const chunk of response) size += chunk.length;
  return size;
}

async function assertRefusesConnections(port: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  const [error] = await once(socket, 'error');
  assert.equal(error.code, 'ECONNREFUSED');
}
