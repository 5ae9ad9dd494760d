// The second address of a server, as an orchestrator asks for it: alive, ready, and not ready any more while it stops.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, request } from 'node:http';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { digestOf } from '../support/sample-image.ts';
import { freePort, temporaryDirectory } from '../support/service.ts';
import { berth, run, runToEnd } from './berth-process.ts';

const CONTENT = Buffer.from('an upload that takes its time');

test('a server that stops is alive and not ready, and its figures are there until the last request has ended', async (t) => {
  const { server, port, ask } = await start(t);
  assert.deepEqual(await ask('/debug/live'), { status: 200, text: '{}' });
  assert.deepEqual(await ask('/debug/ready'), { status: 200, text: '{}' });
  const upload = await beginUpload(port);
  server.kill('SIGTERM');
  await server.printed('stopping');
  assert.deepEqual(await ask('/debug/ready'), { status: 503, text: '{"server":"is stopping"}' });
  assert.equal((await ask('/debug/live')).status, 200);
  const { text } = await ask('/metrics');
  assert.match(text, /^registry_http_in_flight_requests\{handler="blob_upload"\} 1$/m);
  upload.end(CONTENT.subarray(5));
  const [answer] = await once(upload, 'response');
  assert.equal(answer.statusCode, 201);
  answer.resume();
  assert.equal(await server.exited, 0, server.stderr());
  await assert.rejects(ask('/debug/live'));
});

test('an address that is taken ends the start with one line that names the setting', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  t.after(() => taken.close());
  await once(taken, 'listening');
  const address = taken.address();
  assert.ok(address !== null && typeof address === 'object');
  const environment = {
    REGISTRY_HTTP_ADDR: '127.0.0.1:0',
    REGISTRY_HTTP_DEBUG_ADDR: `127.0.0.1:${address.port}`,
  };
  const directory = await temporaryDirectory(t);
  const { code, stderr } = await runToEnd(t, [...berth, 'serve'], { directory, environment });
  assert.equal(code, 1);
  assert.match(stderr, /^http\.debug\.addr: .*EADDRINUSE.*\n$/);
});

async function start(t: TestContext) {
  const [port, debugPort] = [await freePort(), await freePort()];
  const server = run(t, [...berth, 'serve'], {
    directory: await temporaryDirectory(t),
    environment: {
      REGISTRY_HTTP_ADDR: `127.0.0.1:${port}`,
      REGISTRY_HTTP_DEBUG_ADDR: `127.0.0.1:${debugPort}`,
      REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'true',
    },
  });
  await server.printed('Berth is up');
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${debugPort}${path}`);
    return { status: response.status, text: await response.text() };
  };
  return { server, port, ask };
}

/** Sends the head of a push and the first five bytes, and waits until the server has asked for them. */
async function beginUpload(port: number): Promise<ClientRequest> {
  const upload = request({
    host: '127.0.0.1',
    port,
    method: 'POST',
    path: `/v2/app/blobs/uploads/?digest=${digestOf(CONTENT)}`,
    headers: { 'content-length': CONTENT.length, expect: '100-continue' },
    agent: false,
  });
  upload.flushHeaders();
  await once(upload, 'continue');
  upload.write(CONTENT.subarray(0, 5));
  return upload;
}
