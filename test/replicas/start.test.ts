// A configuration that cannot work ends the start with one clear line; a Redis that may still come does not.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { stringify } from 'yaml';
import { tryCommand } from '../support/command.ts';
import { inReverse, privateDirectory } from '../support/processes.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { createRegistryClient } from '../support/registry-client.ts';
import { settingsFor, startS3Store, whyNoS3Store } from '../support/s3-store.ts';
import { makeImage } from '../support/sample-image.ts';
import { freePort, startBerth } from '../support/service.ts';
import { whyNotHere } from '../support/system-packages.ts';
import { insist } from './patient-client.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');
/** However long it tries, nobody waits for longer. */
const START_LIMIT_MS = 60_000;

const noStore = whyNoS3Store();
if (noStore !== false) {
  test('a start on a bucket that cannot be used', { skip: noStore }, () => {});
} else {
  const store = await startS3Store({ after });
  const bucket = await store.createBucket();
  const nowhere = `http://127.0.0.1:${await freePort()}`;
  const failures: readonly (readonly [title: string, settings: object, line: RegExp])[] = [
    ['no bucket is named', settingsFor(store, { bucket: '' }), /bucket/],
    [
      'the bucket does not exist',
      settingsFor(store, { bucket: 'nobody-made-it' }),
      /there is no bucket nobody-made-it at http/,
    ],
    [
      'the secret key is wrong',
      settingsFor(store, { bucket, secretkey: 'wrong' }),
      /bucket .* SignatureDoesNotMatch/,
    ],
    [
      'the access key is wrong',
      settingsFor(store, { bucket, accesskey: 'nobody' }),
      /bucket .* InvalidAccessKeyId/,
    ],
    [
      'nobody listens at the endpoint',
      settingsFor(store, { bucket, regionendpoint: nowhere }),
      /bucket .* ECONNREFUSED/,
    ],
  ];
  for (const [title, s3, line] of failures) {
    test(`the start ends with one line and exit code 1 when ${title}`, async (t) => {
      const ended = await tryToStart(await privateDirectory('start', t), { storage: { s3 } });
      assert.equal(ended.code, 1, ended.stderr);
      const lines = ended.stderr.trim().split('\n');
      assert.match(lines.at(-1) ?? '', line);
      assert.doesNotMatch(ended.stderr, /^\s+at /m);
      assert.ok(!ended.stderr.includes(store.secretKey));
      if (title !== 'no bucket is named') assert.equal(lines.length, 1, ended.stderr);
    });
  }
}

test('a server starts while Redis is away, lets pulls through, and takes uploads when Redis is back', {
  skip: whyNotHere(['redis-server']),
}, async (t) => {
  const orderly = inReverse(t);
  const directory = await privateDirectory('start', orderly);
  const redis = await startRedisServer(orderly);
  const configuration = { redis: { addr: `127.0.0.1:${redis.port}`, dialtimeout: '1s' } };
  const image = makeImage('pushed before');
  const before = await startBerth({ directory, configuration });
  await createRegistryClient(before.url).pushImage('demo/app', image, 'tag');
  await before.stop();
  await redis.kill();

  const service = await startBerth({ directory, configuration });
  orderly.after(async () => void (await service.stop()));
  const client = createRegistryClient(service.url);
  assert.equal((await client.getManifest('demo/app', 'tag')).digest, image.descriptor.digest);
  const refused = await client.send('POST', '/v2/demo/app/blobs/uploads/');
  assert.equal(refused.status, 503);
  assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/);
  assert.match(service.output(), /Redis/);
  await redis.revive();
  await insist(() => client.pushImage('demo/app', makeImage('pushed after'), 'new'));
});

async function tryToStart(directory: string, sections: object) {
  const file = join(directory, 'config.yml');
  await mkdir(directory, { recursive: true });
  const http = { addr: `127.0.0.1:${await freePort()}` };
  await writeFile(file, stringify({ version: 0.1, http, ...sections }));
  return tryCommand([process.execPath, MAIN, 'serve', file], { limit: START_LIMIT_MS });
}
