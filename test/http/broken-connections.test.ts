// Connections that break off, that hold back, or that carry more than one request.
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { assertRefused, bytesOf, headerOf } from '../support/answers.ts';
import { type Http, openRegistry } from '../support/app.ts';
import { beginUpload, blobOf, EMPTY_CONFIG, manifestOf, pushBlob, withQuery } from '../support/content.ts';
import { answerIn, exchange, open, received, receivedUntil } from '../support/raw-http.ts';
import { turns } from '../support/slow-driver.ts';

/** Sends the head of a request and, when that is asked for, a part of the body that it announces; and breaks off. */
async function breakOff(port: number, line: string, headers: readonly string[], part: string): Promise<void> {
  const socket = await open(port);
  const head = [`${line} HTTP/1.1`, 'Host: a', 'Expect: 100-continue', ...headers, '', ''].join('\r\n');
  socket.write(head);
  await receivedUntil(socket, /^HTTP\/1\.1 100 /);
  await new Promise((sent) => socket.write(part, sent));
  socket.resetAndDestroy();
  await closed(socket);
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}

/** The Range of an upload once the broken request is over: a further one waits for its turn. */
async function rangeOf(http: Http, location: string): Promise<string> {
  await http.patch(location).expect(202);
  return headerOf(await http.get(location).expect(204), 'Range');
}

test('an upload that breaks off keeps what came, and goes on from there', async (t) => {
  const { http, port } = await openRegistry(t);
  const location = await beginUpload(http, 'app');
  await http.patch(location).send('01234').expect(202);
  await breakOff(port, `PATCH ${location}`, ['Content-Length: 100'], '56789');
  assert.equal(await rangeOf(http, location), '0-9');
  await http.patch(location).set('Content-Range', '10-12').send('abc').expect(202);
  const { digest } = blobOf('0123456789abc');
  await http.put(withQuery(location, `digest=${digest}`)).expect(201);
});

test('an upload in chunks of unknown length that breaks off keeps what came', async (t) => {
  const { http, port } = await openRegistry(t);
  const location = await beginUpload(http, 'app');
  await breakOff(port, `PATCH ${location}`, ['Transfer-Encoding: chunked'], '5\r\n01234\r\nff\r\nabc');
  assert.equal(await rangeOf(http, location), '0-7');
  const { digest } = blobOf('01234abc');
  await http.put(withQuery(location, `digest=${digest}`)).expect(201);
});

test('a PUT that breaks off leaves the upload open', async (t) => {
  const { http, port } = await openRegistry(t);
  const location = await beginUpload(http, 'app');
  const { digest } = blobOf('0123456789');
  await breakOff(port, `PUT ${withQuery(location, `digest=${digest}`)}`, ['Content-Length: 10'], '01234');
  assert.equal(await rangeOf(http, location), '0-4');
  await http
    .put(withQuery(location, `digest=${digest}`))
    .send('56789')
    .expect(201);
});

test('a push in one request that breaks off leaves nothing, nor staged bytes', async (t) => {
  const inner = createMemoryDriver();
  const aborted = Promise.withResolvers<string>();
  const driver = {
    ...inner,
    abort(write: Parameters<typeof inner.abort>[0]) {
      aborted.resolve(write.key);
      return inner.abort(write);
    },
  };
  const { http, port } = await openRegistry(t, { driver });
  const { digest } = blobOf('0123456789');
  const line = `POST /v2/app/blobs/uploads/?digest=${digest}`;
  await breakOff(port, line, ['Content-Length: 10'], '01234');
  assert.match(await aborted.promise, /\/_uploads\/[0-9a-f-]{36}\/data$/);
  await http.get(`/v2/app/blobs/${digest}`).expect(404);
  assert.deepEqual(await driver.list(''), []);
});

test('a manifest that breaks off is not kept', async (t) => {
  const { http, port, logLines } = await openRegistry(t);
  await pushBlob(http, 'app', EMPTY_CONFIG);
  const whole = manifestOf().toString();
  await breakOff(port, 'PUT /v2/app/manifests/latest', [`Content-Length: ${whole.length + 1}`], whole);
  while (!logLines.some((line) => line.includes('"http.request.method":"PUT"'))) await turns(1);
  await http.get('/v2/app/manifests/latest').expect(404);
});

test('a client that half-closes a body that is not whole is told so', async (t) => {
  const { port } = await openRegistry(t);
  const socket = await open(port);
  const { digest } = blobOf('0123456789');
  socket.end(
    `POST /v2/app/blobs/uploads/?digest=${digest} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234`,
  );
  const answer = answerIn(await received(socket));
  assert.ok(answer.status === 0 || answer.status === 400, `status ${answer.status}`);
});

test('a manifest without end is refused with 413 at the limit, and the connection closed', async (t) => {
  const { http, port } = await openRegistry(t);
  const socket = await open(port);
  socket.write('PUT /v2/app/manifests/latest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
  const answer = receivedUntil(socket, /"MANIFEST_INVALID"/);
  let sent = 0;
  for (let failed: unknown; !failed && sent < 1000; sent += 1) {
    failed = await new Promise((written) => socket.write(chunk, written));
  }
  assert.match(await answer, /^HTTP\/1\.1 413 /);
  await closed(socket);
  assert.ok(sent < 1000, `${sent} chunks of 64 KiB were taken`);
  await http.get('/v2/').expect(200);
});

test('an upload that is refused is answered before its body has come', async (t) => {
  const { port } = await openRegistry(t);
  const socket = await open(port);
  const line = 'PATCH /v2/app/blobs/uploads/0d1c9e5c-6b0b-4b3f-9f43-1d7f0f9d6a11 HTTP/1.1';
  socket.write(`${line}\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\nthe first bytes`);
  assert.match(await receivedUntil(socket, /BLOB_UPLOAD_UNKNOWN/), /^HTTP\/1\.1 404 /);
  socket.destroy();
});

test('a chunk that goes on beyond its Content-Range is refused before its end, and undone', async (t) => {
  const { http, port } = await openRegistry(t);
  const location = await beginUpload(http, 'app');
  const socket = await open(port);
  const headers = 'Host: a\r\nContent-Range: 0-4\r\nTransfer-Encoding: chunked';
  socket.write(`PATCH ${location} HTTP/1.1\r\n${headers}\r\n\r\n6\r\n012345\r\n`);
  assert.match(await receivedUntil(socket, /SIZE_INVALID/), /^HTTP\/1\.1 400 /);
  socket.destroy();
  assert.equal(await rangeOf(http, location), '0-0');
  const { digest } = blobOf('01234');
  await http
    .put(withQuery(location, `digest=${digest}`))
    .send('01234')
    .expect(201);
});

test('a client that asks first is told to go on', async (t) => {
  const { http, port } = await openRegistry(t);
  const { digest } = blobOf('01234');
  const socket = await open(port);
  const line = `POST /v2/app/blobs/uploads/?digest=${digest} HTTP/1.1`;
  socket.write(
    `${line}\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`,
  );
  await receivedUntil(socket, /^HTTP\/1\.1 100 /);
  socket.write('01234');
  assert.equal(answerIn(await received(socket)).status, 201);
  await http.get(`/v2/app/blobs/${digest}`).expect(200);
});

test('requests that come at once over one connection are answered in their order', async (t) => {
  const { http, port } = await openRegistry(t);
  const { bytes, digest } = blobOf('0123456789');
  await pushBlob(http, 'app', bytes);
  const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
  const text = (
    await exchange(
      port,
      get('/v2/') +
        get(`/v2/app/blobs/${digest}`) +
        get('/v2/app/manifests/none') +
        `POST /v2/app/blobs/uploads/?digest=${digest} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789` +
        get('/v2/app/tags/list', 'Connection: close\r\n'),
    )
  ).toString();
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status);
  assert.deepEqual(statuses, ['200', '200', '404', '201', '200']);
  assert.ok(text.includes('\r\n\r\n0123456789HTTP/1.1 404'));
});

test('a download that is broken off ends the read in the store at once, and is no error of ours', async (t) => {
  const inner = createMemoryDriver();
  const ended = Promise.withResolvers<number>();
  const driver = {
    ...inner,
    async openRead(...args: Parameters<typeof inner.openRead>) {
      const reader = await inner.openRead(...args);
      async function* content() {
        let given = 0;
        try {
          for await (const chunk of reader.content) {
            given += chunk.length;
            yield chunk;
          }
        } finally {
          ended.resolve(given);
        }
      }
      return { ...reader, content: content() };
    },
  };
  const { http, port, logLines } = await openRegistry(t, { driver });
  const size = 64 * 1024 * 1024;
  const digest = await pushBlob(http, 'app', Buffer.alloc(size));
  const socket = await open(port);
  socket.write(`GET /v2/app/blobs/${digest} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await receivedUntil(socket, /\r\n\r\n/);
  socket.resetAndDestroy();
  const given = await ended.promise;
  assert.ok(given < size, `${given} bytes were read`);
  await http.get('/v2/').expect(200);
  assert.deepEqual(
    logLines.filter((line) => line.includes('"level":50')),
    [],
  );
});

test('a blob is there for all who pull it at the same time', async (t) => {
  const { http } = await openRegistry(t);
  const content = Buffer.alloc(1_000_000, 'shared by many ');
  const digest = await pushBlob(http, 'app', content);
  const answers = await Promise.all(Array.from({ length: 10 }, () => http.get(`/v2/app/blobs/${digest}`)));
  for (const answer of answers) assert.ok(content.equals(bytesOf(answer)));
});

test('a hundred clients that push one blob all succeed, and it is kept once', async (t) => {
  const { http, driver } = await openRegistry(t);
  const { bytes, digest } = blobOf('pushed by many');
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => http.post(`/v2/app/blobs/uploads/?digest=${digest}`).send(bytes)),
  );
  assert.ok(answers.every((answer) => answer.status === 201));
  assert.equal((await driver.list('docker/registry/v2/blobs/sha256')).length, 1);
  assertRefused(await http.get('/v2/app/manifests/none'), 404, 'MANIFEST_UNKNOWN');
});
