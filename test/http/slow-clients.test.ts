// Clients that send or take a byte now and then: cut after a while, where a rate is asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { headerOf } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import { beginUpload, blobOf, pushBlob, withQuery } from '../support/content.ts';
import { open, received } from '../support/raw-http.ts';

const PERIOD_MS = 200;

test('an upload that stands still is cut, and what came of it is kept', async (t) => {
  const { http, port, logLines } = await openRegistry(t, { pacePeriodMs: PERIOD_MS });
  const location = await beginUpload(http, 'app');
  const socket = await open(port);
  socket.write(`PATCH ${location} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n01234`);
  await received(socket);
  assert.deepEqual(
    logLines.filter((line) => line.includes('"level":50')),
    [],
    'no error of ours',
  );
  await http.patch(location).expect(202);
  assert.equal(headerOf(await http.get(location).expect(204), 'Range'), '0-4');
  const { digest } = blobOf('0123456789');
  await http
    .put(withQuery(location, `digest=${digest}`))
    .send('56789')
    .expect(201);
});

test('an upload of a byte now and then is cut like one that stands still', async (t) => {
  const { http, port } = await openRegistry(t, { pacePeriodMs: PERIOD_MS });
  const socket = await open(port);
  socket.write(
    `PATCH ${await beginUpload(http, 'app')} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n`,
  );
  const trickle = setInterval(() => void socket.write('x'), 20);
  t.after(() => clearInterval(trickle));
  await received(socket);
});

test('a manifest that does not come is cut', async (t) => {
  const { port } = await openRegistry(t, { pacePeriodMs: PERIOD_MS });
  const socket = await open(port);
  socket.write('PUT /v2/app/manifests/latest HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{');
  await received(socket);
});

test('a client that does not take what it asked for is cut, and is no error of ours', async (t) => {
  const settings = { http: { minimumrate: 10_000_000 } };
  const { http, port, logLines } = await openRegistry(t, { pacePeriodMs: PERIOD_MS, settings });
  const digest = await pushBlob(http, 'app', Buffer.alloc(64 * 1024 * 1024));
  const socket = await open(port);
  socket.write(`GET /v2/app/blobs/${digest} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const isCut = () =>
    logLines.some((line) => line.includes('"http.response.status":499') && line.includes(digest));
  while (!isCut()) await sleep(10);
  await received(socket);
  assert.deepEqual(
    logLines.filter((line) => line.includes('"level":50')),
    [],
  );
  await http.get('/v2/').expect(200);
});

test('without a rate to keep a client may take its time', async (t) => {
  const settings = { http: { minimumrate: 0 } };
  const { http, port } = await openRegistry(t, { pacePeriodMs: 20, settings });
  const { digest } = blobOf('0123456789');
  const socket = await open(port);
  const location = withQuery(await beginUpload(http, 'app'), `digest=${digest}`);
  socket.write(`PUT ${location} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 10\r\n\r\n`);
  for (const character of '0123456789') {
    await sleep(20);
    socket.write(character);
  }
  assert.match((await received(socket)).toString(), /^HTTP\/1\.1 201 /);
});
