// What strangers may send: large bodies that nobody is let in for, hostile headers, hostile forms and JSON.
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { after, test } from 'node:test';
import { startHttpServer } from '../../src/http/server.ts';
import { basic, openWithAccounts, PASSWORD, postForm, tokenFor } from '../support/access.ts';
import { type Answer, assertRefused, headerOf } from '../support/answers.ts';
import { answerIn, open, type RawAnswer, receivedUntil, send } from '../support/raw-http.ts';

const registry = await openWithAccounts(
  { after },
  { users: ['alice'], settings: { auth: { failedlogins: { peraddress: 1000, peraccount: 1000 } } } },
);
const { http, accounts } = registry;
await accounts.users.add({ name: 'root', password: PASSWORD, isAdministrator: true });

/** The bytes that the server took from each connection so far. */
const sockets = new Set<Socket>();
const counting = await startHttpServer(
  (request: IncomingMessage, response) => {
    sockets.add(request.socket);
    registry.listener(request, response);
  },
  { host: '127.0.0.1', port: 0 },
);
after(() => counting.close(0));
const port = counting.port ?? 0;

/** What is thrown away of a refused body so that its sender can read the refusal, and what is on its way. */
const MOST_TAKEN = 2 * 1024 * 1024;
const GIGABYTE = 1024 ** 3;
const FORM = 'Content-Type: application/x-www-form-urlencoded';
const JSON_TYPE = 'Content-Type: application/json';

/** Pours bytes without end after the head of a request, for as long as the server takes them; gives its answer. */
async function pour(requestLine: string, headers: readonly string[]): Promise<RawAnswer & { taken: number }> {
  sockets.clear();
  const socket = await open(port);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
  let isClosed = false;
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      isClosed = true;
      resolve();
    });
  });
  socket.write([`${requestLine} HTTP/1.1`, 'Host: registry.test', ...headers, '', ''].join('\r\n'));
  const isChunked = headers.some((header) => header.startsWith('Transfer-Encoding'));
  const piece = Buffer.alloc(64 * 1024, 'a');
  const framed = isChunked ? Buffer.concat([Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')]) : piece;
  let drained = Promise.withResolvers<void>();
  socket.on('drain', () => drained.resolve());
  while (!isClosed) {
    if (socket.write(framed)) continue;
    await Promise.race([drained.promise, closed]);
    drained = Promise.withResolvers();
  }
  await closed;
  const taken = [...sockets].reduce((sum, { bytesRead }) => sum + bytesRead, 0);
  return { ...answerIn(Buffer.concat(chunks)), taken };
}

const upload = '/v2/team/app/blobs/uploads/0d1c9e5c-6b0b-4b3f-9f43-1d7f0f9d6a11';

for (const [what, authorization] of [
  ['without credentials', undefined],
  ['with a wrong secret', basic('robot+none', 'wrong')],
  ['with a token that is none', 'Bearer none'],
  ['with a token of another repository', await tokenFor(registry, basic('alice'), 'repository:b/app:push')],
] as const) {
  const credentials = authorization === undefined ? [] : [`Authorization: ${authorization}`];
  test(`a large body ${what} is refused before it is read`, async () => {
    for (const line of [
      `PATCH ${upload}`,
      `PUT ${upload}?digest=sha256:${'0'.repeat(64)}`,
      'PUT /v2/team/app/manifests/latest',
      `POST /v2/team/app/blobs/uploads/?digest=sha256:${'0'.repeat(64)}`,
    ]) {
      for (const length of [`Content-Length: ${GIGABYTE}`, 'Transfer-Encoding: chunked']) {
        const answer = await pour(line, [...credentials, length]);
        assertRefused(answer, 401, 'UNAUTHORIZED');
        assert.ok(answer.taken > 0 && answer.taken < MOST_TAKEN, `${line}: ${answer.taken} bytes`);
      }
    }
  });
}

test('a large body to the token service is refused at its limit, whatever it says of its length (R04)', async () => {
  for (const length of [`Content-Length: ${GIGABYTE}`, 'Transfer-Encoding: chunked']) {
    const answer = await pour('POST /auth/token', [FORM, length]);
    assertRefused(answer, 413, 'SIZE_INVALID');
    assert.ok(answer.taken < MOST_TAKEN, `${answer.taken} bytes`);
  }
  const other = await pour('POST /auth/token', ['Content-Type: text/plain', `Content-Length: ${GIGABYTE}`]);
  assertRefused(other, 400);
  const fits = `grant_type=password&username=alice&password=${PASSWORD}&pad=${'a'.repeat(60_000)}`;
  assert.equal((await http.post('/auth/token').set('Content-Type', FORM.slice(14)).send(fits)).status, 200);
  const over = await http
    .post('/auth/token')
    .set('Content-Type', FORM.slice(14))
    .send(`${fits}${'a'.repeat(8000)}`);
  assertRefused(over, 413, 'SIZE_INVALID');
});

test('a large body to the admin API is refused: to strangers before it is looked at, to others at 16 KiB (R04)', async () => {
  for (const [line, authorization, status] of [
    ['POST /berth/v1/users', undefined, 401],
    ['POST /berth/v1/users', basic('alice'), 403],
    ['POST /berth/v1/users', basic('root'), 413],
    ['PUT /berth/v1/me/password', undefined, 401],
    ['PUT /berth/v1/me/password', basic('alice'), 413],
    ['POST /berth/v1/tokens/revoke', undefined, 401],
    ['POST /berth/v1/tokens/revoke', basic('alice'), 413],
  ] as const) {
    const credentials = authorization === undefined ? [] : [`Authorization: ${authorization}`];
    for (const length of [`Content-Length: ${GIGABYTE}`, 'Transfer-Encoding: chunked']) {
      const answer = await pour(line, [...credentials, JSON_TYPE, length]);
      assertRefused(answer, status);
      assert.ok(answer.taken < MOST_TAKEN, `${line}: ${answer.taken} bytes`);
    }
  }
});

test('a compressed form or document is refused, not unpacked (R05)', async () => {
  const form = postForm(registry, { grant_type: 'password' }).set('Content-Encoding', 'gzip');
  assertRefused(await form, 415);
  const request = http
    .post('/berth/v1/users')
    .set('Content-Encoding', 'gzip')
    .set('Authorization', basic('root'));
  assertRefused(await request.set('Content-Type', 'application/json').send('{}'), 415);
});

const control = String.fromCharCode(0, 1, 7, 27, 127);
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** Values of `Authorization` that prove nothing. */
const hostile: readonly string[] = [
  'Basic',
  'Basic ',
  'Basic =',
  'Basic ====',
  'Basic !!!!',
  `Basic ${base64('no colon')}`,
  `Basic ${base64(':')} ${base64('alice:x')}`,
  `Basic ${base64('alice:')}`,
  `Basic ${base64(':password')}`,
  `Basic ${base64(`al${control}ice:${PASSWORD}`)}`,
  `Basic ${base64(`alice:${PASSWORD}\0`)}`,
  `Basic ${base64(`alice\n:${PASSWORD}`)}`,
  `Basic ${base64(`alice :${PASSWORD}`)}`,
  `Basic ${base64(`ALICE:${PASSWORD}`)}`,
  `Basic ${base64(`${'a'.repeat(256)}:x`)}`,
  `Basic ${base64(`alice:${'a'.repeat(9000)}`)}`,
  `Basic ${base64(`robot+:${PASSWORD}`)}`,
  `Basic ${base64(`robot+../users/alice:${PASSWORD}`)}`,
  `Basic ${base64(`robot+robot+alice:${PASSWORD}`)}`,
  `Basic ${base64(`../users/alice:${PASSWORD}`)}`,
  `Basic ${base64(`__proto__:${PASSWORD}`)}`,
  `Basic ${base64(`constructor:${PASSWORD}`)}`,
  `Basic ${Buffer.from([0xff, 0xfe, 0x3a, 0x80]).toString('base64')}`,
  `basic  ${base64('alice:x')}`,
  'Bearer',
  'Bearer ..',
  'Bearer null',
  'Bearer undefined',
  `Bearer ${base64('{}')}.${base64('{}')}.${base64('x')}`,
  `Bearer ${'.'.repeat(12_000)}`,
  'Digest username="alice", realm="x"',
  'Negotiate YII=',
  'NTLM TlRMTVNTUAAB',
  'AWS4-HMAC-SHA256 Credential=x',
  `${'a'.repeat(10_000)} b`,
  'Basic'.repeat(2000),
  `${' '.repeat(8000)}x`,
  'Bearer a b c',
  ',,,,',
  'é ü',
];

test('hostile credentials are refused everywhere, as wrong ones and with a challenge', async () => {
  for (const value of hostile) {
    for (const path of [
      '/v2/',
      '/v2/team/app/tags/list',
      '/v2/_catalog',
      '/auth/token',
      '/berth/v1/whoami',
    ]) {
      const answer = await send(port, `GET ${path}`, [`Authorization: ${value}`]);
      const shown = `${value.slice(0, 60)} at ${path}`;
      assert.equal(answer.status, 401, shown);
      assertRefused(answer, 401, 'UNAUTHORIZED');
      assert.match(
        headerOf(answer, 'WWW-Authenticate'),
        /^(Bearer realm="[^"]+",service="|Basic realm=")/,
        shown,
      );
    }
  }
});

test('two Authorization headers are not added up', async () => {
  for (const [first, second] of [
    [basic('alice', 'wrong'), basic('alice')],
    ['Bearer none', basic('alice')],
  ]) {
    const headers = [`Authorization: ${first}`, `Authorization: ${second}`];
    const answer = await send(port, 'GET /v2/', headers);
    assert.ok([400, 401].includes(answer.status), `${answer.status}`);
  }
});

test('hostile requests for tokens are answered with 400 or 401, or with a token for nothing (R13)', async () => {
  const queries = [
    `scope=${'repository:a:pull%20'.repeat(65)}`,
    `scope=repository:${'a'.repeat(600)}:pull`,
    `scope=${'a-'.repeat(4000)}`,
    `scope=${':'.repeat(500)}`,
    `scope=repository:${'a-'.repeat(120)}!:pull`,
    'scope=repository:../../etc:pull',
    'scope=repository(plugin):team/app:pull,push',
    'scope=repository(:team/app:pull',
    'scope=__proto__:x:pull&scope=constructor:x:*',
    'scope=registry:catalog:*&scope=registry:other:*',
    'scope=%00&scope=%ff&scope=%E2%80%AE',
    'scope[]=repository:a:pull&scope[__proto__]=x',
    `${'x=1&'.repeat(200)}`,
    'service=a&service=b',
    'service=%0d%0aX-Evil:%201',
    `service=${'b'.repeat(300)}`,
    `account=${'a'.repeat(300)}`,
    'client_id=%0d%0aX-Evil:%201&account=%00',
    'offline_token=true&offline_token=true',
  ];
  const check = (answer: Answer, what: string) => {
    assert.ok([200, 400, 401].includes(answer.status), `${answer.status} for ${what}`);
    assert.equal(answer.headers['x-evil'], undefined);
  };
  for (const query of queries) {
    check(await send(port, `GET /auth/token?${query}`), query.slice(0, 80));
    const form = `grant_type=refresh_token&refresh_token=x&${query}`;
    const headers = [FORM, `Content-Length: ${form.length}`];
    check(await send(port, 'POST /auth/token', headers, form), query.slice(0, 80));
  }
});

test('hostile paths and headers hold nobody up (R13)', async () => {
  for (const [line, ...headers] of [
    [`GET /v2/${'a-'.repeat(6000)}!/tags/list`],
    [`GET /v2/${'a'.repeat(12_000)}/tags/list`],
    [`GET /v2/${'a/'.repeat(6000)}manifests/latest`],
    [`GET /v2/${'a__'.repeat(4000)}/blobs/uploads/x`],
    [`GET /berth/v1/users/${'a-'.repeat(6000)}!`],
    [`GET /berth/v1/groups/${'%2e'.repeat(4000)}/members/x`],
    ['GET /v2/', `X-Forwarded-Proto: ${' '.repeat(12_000)}x`],
    ['GET /v2/', `X-Forwarded-Host: ${'a.'.repeat(6000)}`],
    ['GET /v2/', `Authorization: Basic ${'='.repeat(12_000)}`],
    ['GET /v2/', `Authorization: Bearer ${'a.'.repeat(6000)}`],
    ['GET /v2/', `Authorization: ${'Bearer '.repeat(1700)}`],
    ['GET /auth/token', `Accept: ${'a/b;q=0.1,'.repeat(1200)}`],
  ] as const) {
    const { status } = await send(port, line, headers);
    assert.ok([200, 400, 401, 404, 405, 414, 431].includes(status), `${status} for ${line.slice(0, 60)}`);
  }
  await http.get('/v2/').set('Authorization', basic('alice')).expect(200);
});

test('documents made to be slow are refused like others (R15)', async () => {
  const keys = (count: number, key: (index: number) => string) =>
    `{${Array.from({ length: count }, (_, index) => `"${key(index)}":1`).join(',')}}`;
  const documents = [
    keys(100_000, (index) => String(index * 65_536)),
    keys(1000, (index) => String(index * 65_536)),
    keys(1000, (index) => `_${index}`),
    keys(2, () => 'name'),
    '{"__proto__":{"isAdministrator":true},"name":"evil","password":"correct horse"}',
    '{"constructor":{"prototype":{}}}',
    `${'['.repeat(8000)}`,
    `${'{"a":'.repeat(3000)}`,
    '1e999',
    'null',
    '"text"',
    '[]',
    '',
    `\ufeff{}`,
  ];
  for (const document of documents) {
    for (const [method, path] of [
      ['post', '/berth/v1/users'],
      ['post', '/berth/v1/robots'],
      ['post', '/berth/v1/tokens/revoke'],
      ['patch', '/berth/v1/users/alice'],
    ] as const) {
      const request = http[method](path).set('Authorization', basic('root'));
      const answer = await request.set('Content-Type', 'application/json').send(document);
      assert.ok([400, 413].includes(answer.status), `${answer.status} for ${document.slice(0, 40)}`);
      assertRefused(answer, answer.status);
    }
  }
  assert.equal((await accounts.users.get('alice')).isAdministrator, false);
});

test('a body that waits to be asked for is asked for only where somebody reads it', async (t) => {
  const registry = await openWithAccounts(t, { users: ['alice'] });
  const request = (authorization: string) =>
    [
      'POST /v2/team/app/blobs/uploads/?digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 HTTP/1.1',
      'Host: registry.test',
      `Authorization: ${authorization}`,
      'Expect: 100-continue',
      'Content-Length: 5',
      '',
      '',
    ].join('\r\n');
  const stranger = await open(registry.port);
  stranger.write(request(basic('alice', 'wrong password')));
  assert.match(await receivedUntil(stranger, /\r\n\r\n/), /^HTTP\/1\.1 401 /);
  stranger.destroy();
  const alice = await open(registry.port);
  alice.write(request(basic('alice')));
  assert.match(await receivedUntil(alice, /\r\n\r\n/), /^HTTP\/1\.1 100 Continue/);
  alice.write('hello');
  assert.match(await receivedUntil(alice, /\r\n\r\n/), /^HTTP\/1\.1 201 /);
  alice.destroy();
});
