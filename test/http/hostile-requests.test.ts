// Requests that no client sends, by class. Whatever comes: no 5xx, nothing of the inside in the answer, and the registry
// goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRegistry } from '../support/app.ts';
import { blobOf, pushImage } from '../support/content.ts';
import { answerIn, exchange, send } from '../support/raw-http.ts';

const { digest } = blobOf('content');
const upload = '/v2/app/blobs/uploads/0d1c9e5c-6b0b-4b3f-9f43-1d7f0f9d6a11';
const crlf = '%0d%0aX-Evil:%201%0d%0a';

/** Request lines, and headers that go with them. Each is sent as it stands. */
const requests: readonly (readonly [line: string, ...headers: string[]])[] = [
  // Paths
  ['GET /%2F%2F..%2F..%2Fetc%2Fpasswd'],
  ['GET //../../etc/passwd'],
  ['GET /../../../../etc/passwd'],
  ['GET /v2/../../etc/passwd'],
  ['GET /v2//'],
  ['GET //v2/'],
  ['GET /v2/%'],
  ['GET /v2/%zz/tags/list'],
  ['GET /v2/%ff%fe/tags/list'],
  ['GET /v2/app/manifests/%E0%A4%A'],
  ['GET /v2/app/blobs/'],
  ['GET /v2/app/manifests/'],
  ['GET /v2/app/tags'],
  ['GET /v2/app/tags/list/'],
  ['GET /v2/app'],
  ['GET /v2/_catalog/x'],
  ['GET /v2/tags/list'],
  ['GET /v2/manifests/latest'],
  ['GET /?'],
  ['GET ?x'],
  ['GET x'],
  ['GET http://other.test/v2/'],
  ['GET http://user:password@other.test:99999/v2/'],
  ['GET https:///v2/'],
  [`GET /v2/${'a/'.repeat(3000)}tags/list`],
  [`GET /v2/${'a-'.repeat(5000)}/manifests/x`],
  [`GET /v2/${'blobs/'.repeat(1000)}${digest}`],
  [`GET /v2/${'a'.repeat(30_000)}`],
  // Injection
  [`GET /v2/app${crlf}/tags/list`],
  [`GET /v2/app/manifests/latest${crlf}`],
  [`GET /v2/app/tags/list?n=1&last=${crlf}`],
  [`GET /v2/app/tags/list?n=1${crlf}`],
  [`GET /v2/_catalog?n=1&last=${crlf}`],
  [`GET /v2/app/referrers/${digest}?artifactType=${crlf}&n=1`],
  [`POST /v2/app/blobs/uploads/?mount=${digest}&from=${crlf}`, 'Content-Length: 0'],
  [`POST /v2/app/blobs/uploads/?mount=${crlf}`, 'Content-Length: 0'],
  [`PUT /v2/app/manifests/${digest}?tag=${crlf}`, 'Content-Length: 0'],
  [`PATCH ${upload}${crlf}`, 'Content-Length: 0'],
  // Parameters
  ['GET /v2/_catalog?n=1&n=9e9'],
  ['GET /v2/_catalog?n[]=1'],
  ['GET /v2/_catalog?__proto__[x]=1&constructor[prototype][x]=1'],
  ['GET /v2/_catalog?n=%'],
  ['GET /v2/_catalog?n=%ff'],
  ['GET /v2/_catalog?last=%00'],
  ['GET /v2/_catalog?last=../../../..'],
  [`GET /v2/_catalog?last=${'a/'.repeat(5000)}`],
  [`GET /v2/_catalog?${'x=1&'.repeat(4000)}`],
  ['GET /v2/app/tags/list?last=%ef%bf%bf'],
  ['GET /v1/search?q[$ne]=1'],
  [`GET /v1/search?q=${'('.repeat(5000)}`],
  [`POST /v2/app/blobs/uploads/?from[]=x&mount=${digest}`, 'Content-Length: 0'],
  [`POST /v2/app/blobs/uploads/?mount=${digest}&mount=${digest}`, 'Content-Length: 0'],
  [`POST /v2/app/blobs/uploads/?digest-algorithm=__proto__`, 'Content-Length: 0'],
  // Headers
  ['GET /v2/', '__proto__: 1', 'constructor: 1', 'hasOwnProperty: 1'],
  ['GET /v2/', `X-Forwarded-Proto: ${' '.repeat(10_000)}x`],
  ['GET /v2/', `X-Forwarded-For: ${'1.2.3.4,'.repeat(1000)}`, 'X-Forwarded-For: <script>'],
  ['GET /v2/app/manifests/latest', `Accept: ${'a/b;q=0.1,'.repeat(1000)}`],
  ['GET /v2/app/manifests/latest', `If-None-Match: ${'"x",'.repeat(3000)}`],
  ['GET /v2/app/manifests/latest', `If-None-Match: ${'W/'.repeat(5000)}`],
  [`GET /v2/app/blobs/${digest}`, `Range: bytes=${'0-0,'.repeat(3000)}0-0`],
  [`GET /v2/app/blobs/${digest}`, `Range: bytes=${'9'.repeat(10_000)}-`],
  [`GET /v2/app/blobs/${digest}`, 'Range: bytes=0-0', 'Range: bytes=1-1'],
  ['PATCH '.concat(upload), 'Content-Range: 0-0', 'Content-Range: 1-1', 'Content-Length: 0'],
  ['PATCH '.concat(upload), `Content-Range: ${'0'.repeat(10_000)}-1`, 'Content-Length: 0'],
  ['PUT /v2/app/manifests/latest', 'Content-Length: 99999999999999'],
  ['PUT /v2/app/manifests/latest', 'Content-Type: ;;;', 'Content-Length: 0'],
  ['PUT /v2/app/manifests/latest', `Content-Type: ${'a'.repeat(10_000)}`, 'Content-Length: 0'],
  ['PUT /v2/app/manifests/latest', `If-Match: ${'"x",'.repeat(3000)}`, 'Content-Length: 0'],
  ['POST /v2/app/blobs/uploads/', 'Content-Encoding: gzip', 'Content-Length: 0'],
  ['GET /v2/', 'Upgrade: websocket', 'Connection: Upgrade'],
  ['GET /v2/', 'Cookie: a=b', 'Authorization: Bearer ..', `Authorization: ${'.'.repeat(8000)}`],
  // Methods
  ['TRACE /v2/'],
  ['PROPFIND /v2/'],
  ['OPTIONS *'],
  ['DELETE /v2/_catalog'],
  ['POST /v2/app/tags/list', 'Content-Length: 0'],
  ['SEARCH /v1/search'],
];

for (const [line, ...headers] of requests) {
  const shown = `${line.slice(0, 90)}${headers.length > 0 ? ` with ${headers.join(', ').slice(0, 60)}` : ''}`;
  test(`${shown} does no harm`, async (t) => {
    const { http, port, logLines } = await openRegistry(t);
    const { digest: image } = await pushImage(http, 'app', 'latest');
    const answer = await send(port, line, headers);
    assert.ok(answer.status >= 200 && answer.status < 500, `status ${answer.status}`);
    assert.doesNotMatch(answer.text, /^X-Evil/im);
    assert.doesNotMatch(answer.text, /\bat .+:\d+:\d+|node_modules|\.ts\b|docker\/registry|root:x|root:\*/);
    assert.equal(Reflect.get({}, 'x'), undefined);
    const { headers: after } = await http.get('/v2/app/manifests/latest').expect(200);
    assert.equal(after['docker-content-digest'], image);
    assert.deepEqual(
      logLines.filter((entry) => entry.includes('"level":50')),
      [],
      'nothing is logged as a failure of ours',
    );
  });
}

/** What is no HTTP at all, or more than one kind of it. */
const bytes: Readonly<Record<string, string>> = {
  'no HTTP': 'hello\r\n\r\n',
  'a TLS hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
  'HTTP/2 without TLS': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'HTTP of a version to come': 'GET /v2/ HTTP/9.9\r\nHost: a\r\n\r\n',
  'a space in the path': 'GET /v2/a b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  'a NUL in a header': 'GET /v2/ HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n',
  'a folded header': 'GET /v2/ HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\nConnection: close\r\n\r\n',
  'a space before a colon': 'GET /v2/ HTTP/1.1\r\nHost : a\r\n\r\n',
  'two lengths': 'POST /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx',
  'a length and chunks':
    'POST /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'a negative length': 'POST /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n',
  'chunks of no size':
    'POST /v2/app/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  'headers without end': `GET /v2/ HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(20_000)}`,
  'a path without end': `GET /${'a'.repeat(100_000)}`,
  'no Host': 'GET /v2/ HTTP/1.1\r\nConnection: close\r\n\r\n',
  'a Host that is none': 'GET /v2/ HTTP/1.1\r\nHost: a:b@c/../\r\nConnection: close\r\n\r\n',
  CONNECT: 'CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n',
};
for (const [what, text] of Object.entries(bytes)) {
  test(`${what} is refused or answered, and the registry goes on`, async (t) => {
    const { http, port } = await openRegistry(t);
    const answer = answerIn(await exchange(port, Buffer.from(text, 'latin1')));
    assert.ok(
      answer.status === 0 || (answer.status >= 200 && answer.status < 500),
      `status ${answer.status}`,
    );
    assert.doesNotMatch(answer.text, /\bat .+:\d+:\d+|node_modules|\.ts\b/);
    await http.get('/v2/').expect(200);
  });
}
