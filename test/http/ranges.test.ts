// Parts of blobs (distribution-spec end-2; RFC 9110, section 14).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, bytesOf, headerOf } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import { pushBlob } from '../support/content.ts';
import { send } from '../support/raw-http.ts';

const content = Buffer.from(Array.from({ length: 500 }, (_, index) => index % 251));

const satisfied: readonly (readonly [range: string, start: number, end: number])[] = [
  ['bytes=0-0', 0, 0],
  ['bytes=0-1', 0, 1],
  ['bytes=10-19', 10, 19],
  ['bytes=499-499', 499, 499],
  ['bytes=490-', 490, 499],
  ['bytes=490-1000', 490, 499],
  ['bytes=0-999999999999999', 0, 499],
  ['bytes=-10', 490, 499],
  ['bytes=-1000', 0, 499],
  ['bytes= 5-9', 5, 9],
  ['Bytes=5-9', 5, 9],
];
for (const [range, start, end] of satisfied) {
  test(`Range: ${range} of 500 bytes gives bytes ${start} to ${end}`, async (t) => {
    const { http } = await openRegistry(t);
    const digest = await pushBlob(http, 'app', content);
    const answer = await http.get(`/v2/app/blobs/${digest}`).set('Range', range).expect(206);
    assert.equal(answer.headers['content-range'], `bytes ${start}-${end}/500`);
    assert.equal(answer.headers['content-length'], String(end - start + 1));
    assert.equal(answer.headers['content-type'], 'application/octet-stream');
    assert.equal(answer.headers['docker-content-digest'], digest);
    assert.ok(content.subarray(start, end + 1).equals(bytesOf(answer)));
  });
}

for (const range of [
  'bytes=500-',
  'bytes=500-600',
  'bytes=500-0',
  'bytes=10-5',
  'bytes=-0',
  'bytes=600-,700-',
]) {
  test(`Range: ${range} of 500 bytes cannot be satisfied: 416 with the size`, async (t) => {
    const { http } = await openRegistry(t);
    const digest = await pushBlob(http, 'app', content);
    const answer = await http.get(`/v2/app/blobs/${digest}`).set('Range', range);
    assertRefused(answer, 416, 'RANGE_INVALID');
    assert.equal(answer.headers['content-range'], 'bytes */500');
  });
}

test('no part of an empty blob can be had', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'app', '');
  const answer = await http.get(`/v2/app/blobs/${digest}`).set('Range', 'bytes=0-');
  assertRefused(answer, 416, 'RANGE_INVALID');
  assert.equal(answer.headers['content-range'], 'bytes */0');
});

const ignored = [
  'items=0-1',
  'bytes',
  'bytes=',
  'bytes=-',
  'bytes=a-b',
  'bytes=0-1;2-3',
  'bytes=1--2',
  'bytes=0x1-2',
  'bytes=0-99999999999999999999',
  '0-1',
];
for (const range of ignored) {
  test(`Range: ${range} is not understood and so ignored: the whole blob, 200`, async (t) => {
    const { http } = await openRegistry(t);
    const digest = await pushBlob(http, 'app', content);
    const answer = await http.get(`/v2/app/blobs/${digest}`).set('Range', range).expect(200);
    assert.equal(answer.headers['content-range'], undefined);
    assert.ok(content.equals(bytesOf(answer)));
  });
}

test('several ranges come as multipart/byteranges, each part with its place, in the order asked for', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'app', content);
  const answer = await http.get(`/v2/app/blobs/${digest}`).set('Range', 'bytes=300-309, 0-1,-5').expect(206);
  const type = headerOf(answer, 'Content-Type');
  const boundary = /^multipart\/byteranges; boundary=([0-9a-z-]+)$/.exec(type)?.[1] ?? '';
  assert.notEqual(boundary, '');
  assert.equal(answer.headers['content-length'], String(bytesOf(answer).length));
  const parts = bytesOf(answer).toString('latin1').split(`\r\n--${boundary}`);
  assert.equal(parts.length, 5);
  assert.equal(parts.at(0), '');
  assert.equal(parts.at(-1), '--\r\n');
  const places = [
    [300, 309],
    [0, 1],
    [495, 499],
  ] as const;
  places.forEach(([start, end], index) => {
    const head = `\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ${start}-${end}/500\r\n\r\n`;
    assert.equal(parts[index + 1], head + content.subarray(start, end + 1).toString('latin1'));
  });
});

test('of several ranges those that cannot be satisfied are left out', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'app', content);
  const answer = await http.get(`/v2/app/blobs/${digest}`).set('Range', 'bytes=600-700,5-9').expect(206);
  assert.equal(answer.headers['content-range'], 'bytes 5-9/500');
});

test('ranges that ask for more than the blob is get the whole of it', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'app', content);
  const answer = await http.get(`/v2/app/blobs/${digest}`).set('Range', 'bytes=0-,0-,0-').expect(200);
  assert.ok(content.equals(bytesOf(answer)));
});

test('more than a thousand ranges get the whole blob', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'app', Buffer.alloc(5000));
  const many = Array.from({ length: 1001 }, (_, index) => `${index}-${index}`).join(',');
  await http.get(`/v2/app/blobs/${digest}`).set('Range', `bytes=${many}`).expect(200);
});

test('If-Range with the digest of the blob keeps the range, anything else gives the whole', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'app', content);
  const get = (ifRange: string) =>
    http.get(`/v2/app/blobs/${digest}`).set('Range', 'bytes=5-9').set('If-Range', ifRange);
  await get(`"${digest}"`).expect(206);
  await get('"another"').expect(200);
  await get('Fri, 20 Nov 2026 10:00:00 GMT').expect(200);
  await get('*').expect(200);
});

test('HEAD answers with the whole size, whatever range it asks for', async (t) => {
  const { http, port } = await openRegistry(t);
  const digest = await pushBlob(http, 'app', content);
  const answer = await send(port, `HEAD /v2/app/blobs/${digest}`, ['Range: bytes=5-9']);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-length'], '500');
});

test('a range of a blob that is not there is 404', async (t) => {
  const { http } = await openRegistry(t);
  const digest = await pushBlob(http, 'other', content);
  const answer = await http.get(`/v2/app/blobs/${digest}`).set('Range', 'bytes=5-9');
  assertRefused(answer, 404, 'BLOB_UNKNOWN');
});

test('a large blob can be put together from its ranges, also across the chunks of the store', async (t) => {
  const { http } = await openRegistry(t);
  const large = Buffer.alloc(300_000, 'across chunks ');
  const digest = await pushBlob(http, 'app', large);
  const parts: Buffer[] = [];
  for (let start = 0; start < large.length; start += 65_537) {
    const answer = await http
      .get(`/v2/app/blobs/${digest}`)
      .set('Range', `bytes=${start}-${start + 65_536}`)
      .expect(206);
    parts.push(bytesOf(answer));
  }
  assert.ok(large.equals(Buffer.concat(parts)));
});
