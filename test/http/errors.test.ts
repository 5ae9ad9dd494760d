// The form of refusals, and what becomes of failures of the store (distribution-spec, "Error Codes").
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { DriverError, type DriverErrorCode } from '../../storage-drivers/errors.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { assertRefused } from '../support/answers.ts';
import { openRegistry } from '../support/app.ts';
import {
  beginUpload,
  blobOf,
  EMPTY_CONFIG,
  manifestOf,
  pushBlob,
  pushImage,
  putManifest,
} from '../support/content.ts';
import { answerIn, exchange, send } from '../support/raw-http.ts';

const SECRET = '/var/lib/registry/secret-place';

/** A store in which the given methods fail from the moment on that `fail` is called. */
function failingDriver(code: DriverErrorCode, methods: readonly (keyof StorageDriver)[]) {
  const driver = createMemoryDriver();
  let failing = false;
  const fail = async () => {
    throw new DriverError(code, {
      driver: 'memory',
      action: 'test',
      key: 'docker/registry/v2/secret',
      cause: new Error(`ENOENT: ${SECRET}`),
    });
  };
  const proxy = new Proxy(driver, {
    get: (target, name: keyof StorageDriver) =>
      failing && methods.includes(name) ? fail : Reflect.get(target, name),
  });
  return {
    driver: proxy,
    fail() {
      failing = true;
    },
  };
}

test('HEAD is refused with the status of GET and no body', async (t) => {
  const { http, port } = await openRegistry(t);
  await pushBlob(http, 'app', 'content');
  const { digest } = blobOf('never pushed');
  const paths = {
    [`/v2/app/blobs/${digest}`]: 404,
    [`/v2/app/manifests/${digest}`]: 404,
    '/v2/app/manifests/none': 404,
    '/v2/none/tags/list': 404,
    '/v2/UPPER/tags/list': 400,
    '/nothing': 404,
  };
  for (const [path, status] of Object.entries(paths)) {
    const answer = await send(port, `HEAD ${path}`);
    assert.equal(answer.status, status, path);
    assert.equal(answer.body.length, 0, path);
    assertRefused(await http.get(path), status);
  }
});

const failures: readonly (readonly [DriverErrorCode, number, string])[] = [
  ['failed', 500, 'UNKNOWN'],
  ['denied', 500, 'UNKNOWN'],
  ['invalidKey', 500, 'UNKNOWN'],
  ['busy', 503, 'UNAVAILABLE'],
  ['noSpace', 507, 'DENIED'],
];
for (const [code, status, expected] of failures) {
  test(`a store that says ${code} is ${status} ${expected}, which tells the client nothing and the log everything`, async (t) => {
    const { driver, fail } = failingDriver(code, ['read', 'stat', 'openRead', 'list', 'write', 'append']);
    const { http, logLines } = await openRegistry(t, { driver });
    const { digest, layer } = await pushImage(http, 'app', 'latest');
    const location = await beginUpload(http, 'app');
    fail();
    const { bytes, digest: other } = blobOf('other');
    const answers = [
      await http.get('/v2/app/manifests/latest'),
      await http.get(`/v2/app/blobs/${layer}`),
      await http.get('/v2/app/tags/list'),
      await http.get('/v2/_catalog'),
      await http.get(`/v2/app/referrers/${digest}`),
      await http.patch(location).send(bytes),
      await http.post(`/v2/app/blobs/uploads/?digest=${other}`).send(bytes),
      await putManifest(http, 'app', 'latest', manifestOf()),
    ];
    for (const answer of answers) {
      const error = assertRefused(answer, status, expected);
      assert.equal(error.detail, undefined);
      assert.doesNotMatch(String(answer.body), /secret|registry\/v2|ENOENT|memory|\.ts\b/);
      assert.equal(answer.headers['retry-after'], status === 503 ? '5' : undefined);
    }
    const logged = logLines.filter((line) => line.includes('request failed'));
    assert.equal(logged.length, answers.length);
    assert.ok(
      logged.every((line) => line.includes(SECRET)),
      'the cause is in the log',
    );
  });
}

test('a store that fails while a mount is looked for does not pretend that nothing is there', async (t) => {
  const { driver, fail } = failingDriver('failed', ['read']);
  const { http } = await openRegistry(t, { driver });
  const digest = await pushBlob(http, 'source', 'shared');
  fail();
  assertRefused(await http.post(`/v2/target/blobs/uploads/?mount=${digest}&from=source`), 500, 'UNKNOWN');
});

test('a manifest whose references cannot be looked at is not kept', async (t) => {
  const { driver, fail } = failingDriver('failed', ['stat']);
  const { http } = await openRegistry(t, { driver });
  await pushBlob(http, 'app', EMPTY_CONFIG);
  fail();
  assertRefused(await putManifest(http, 'app', 'latest', manifestOf()), 500, 'UNKNOWN');
  await http.get('/v2/app/manifests/latest').expect(404);
});

test('a store that fails in the middle of a blob cuts the connection: the part never looks like the whole', async (t) => {
  const inner = createMemoryDriver();
  const driver: StorageDriver = {
    ...inner,
    async openRead(key, range) {
      const reader = await inner.openRead(key, range);
      async function* content() {
        let left = 2;
        for await (const chunk of reader.content) {
          if (left === 0) throw new Error(`EIO: ${SECRET}`);
          left -= 1;
          yield chunk;
        }
      }
      return { ...reader, content: content() };
    },
  };
  const { http, port, logLines } = await openRegistry(t, { driver });
  const digest = await pushBlob(http, 'app', Buffer.alloc(1_000_000));
  // Over a connection that would stay open otherwise: its client would wait, or read the next answer as the rest.
  const answer = answerIn(await exchange(port, `GET /v2/app/blobs/${digest} HTTP/1.1\r\nHost: a\r\n\r\n`));
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-length'], '1000000');
  assert.ok(answer.body.length < 1_000_000, `${answer.body.length} bytes came`);
  assert.doesNotMatch(answer.text, /secret/);
  await http.get('/v2/').expect(200);
  assert.ok(logLines.some((line) => line.includes(digest)));
});

test('the detail of a refusal repeats no more than a part of what the client sent', async (t) => {
  const { http } = await openRegistry(t);
  const answer = await http.get(`/v2/app/blobs/sha256:${'x'.repeat(10_000)}`);
  assertRefused(answer, 400, 'DIGEST_INVALID');
  assert.ok(String(answer.body).length < 500);
});

test('a refusal carries no caching headers', async (t) => {
  const { http } = await openRegistry(t);
  const { headers } = await http.get(`/v2/app/blobs/${blobOf('none').digest}`).expect(404);
  for (const name of ['cache-control', 'etag', 'expires']) assert.equal(headers[name], undefined, name);
});
