// How Redis is reached: plainly, with a password, over TLS, by sentinels, as a cluster; and what is said when it cannot be.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { RedisRefusedError } from '../../src/sessions/coordination.ts';
import type { RedisCoordinationSettings } from '../../src/sessions/redis-coordination.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { openRegistry } from '../support/app.ts';
import { makeCertificates } from '../support/certificates.ts';
import { beginUpload, blobOf, pushImage, withQuery } from '../support/content.ts';
import { coordinate, settingsOf } from '../support/redis-clients.ts';
import { startRedisCluster, startRedisServer, startSentinel, until } from '../support/redis-server.ts';
import { freePort } from '../support/service.ts';
import { whyNotHere } from '../support/system-packages.ts';

describe('connections to Redis', { skip: whyNotHere(['redis-server', 'openssl']) }, async () => {
  test('a server with a password', async (t) => {
    const { port } = await startRedisServer(t, { password: 'pass word' });
    await assertWorks(t, settingsOf([port], { password: 'pass word', db: 3 }));
    await assertRefused(t, settingsOf([port], { password: 'wrong' }), /WRONGPASS/);
    await assertRefused(t, settingsOf([port]), /NOAUTH/);
    await assertRefused(t, settingsOf([port], { password: 'pass word', db: 99 }), /DB index is out of range/);
  });

  test('a user who may not write here', async (t) => {
    const { port, client } = await startRedisServer(t);
    await client.call('ACL', 'SETUSER', 'reader', 'on', '>secret', '~*', '+@all', '-@write');
    await client.call('ACL', 'SETUSER', 'stranger', 'on', '>secret', '~other:*', '+@all');
    for (const username of ['reader', 'stranger']) {
      const settings = settingsOf([port], { username, password: 'secret' });
      await assertRefused(t, settings, /NOPERM|ACL failure|user executing the script/);
    }
  });

  test('a server that speaks TLS', async (t) => {
    const [tls, others] = [await makeCertificates(t), await makeCertificates(t)];
    const { port } = await startRedisServer(t, { tls });
    await assertWorks(t, settingsOf([port], { tls: { rootcas: [tls.files.ca] } }));
    await assertRefused(t, settingsOf([port], { tls: { rootcas: [others.files.ca] } }), /certificate/);
    const missing = settingsOf([port], { tls: { rootcas: ['/nowhere/ca.pem'] } });
    await assertRefused(t, missing, /redis\.tls cannot be read: ENOENT.*\/nowhere\/ca\.pem/);
  });

  test('a server that a sentinel names, and the one that takes its place', async (t) => {
    const first = await startRedisServer(t);
    const second = await startRedisServer(t, { words: ['--replicaof', '127.0.0.1', String(first.port)] });
    const sentinel = await startSentinel(t, first);
    const settings = settingsOf([sentinel.port], { mode: 'sentinel', mastername: 'main' });
    const { http } = await assertWorks(t, settings);
    const location = await beginUpload(http, 'some/app');
    await http.patch(location).send('01234').expect(202);
    await until(async () => (await second.keys('*:upload')).length === 1);
    // The sentinel has to know of the replica before there is a reason to ask it.
    await until(async () => (await sentinel.replicas()) === 1);
    await first.kill();
    await until(async () => (await http.patch(location).send('56789')).status === 202);
    await http.put(withQuery(location, `digest=${blobOf('0123456789').digest}`)).expect(201);
  });

  test('a cluster', async (t) => {
    const ports = await startRedisCluster(t);
    const settings = settingsOf(ports.slice(0, 2), { mode: 'cluster' });
    await assertWorks(t, settings);
    await assertRefused(t, settingsOf(ports.slice(0, 1)), /MOVED/);
  });

  test('a server that is no cluster is refused as one', async (t) => {
    const { port } = await startRedisServer(t);
    await assertRefused(t, settingsOf([port], { mode: 'cluster' }), /cluster support disabled/);
  });

  for (const mode of ['single', 'sentinel', 'cluster'] as const) {
    test(`nothing there (${mode}): the server starts, refuses uploads, and stops at once`, async (t) => {
      const settings = settingsOf([await freePort()], { mode, mastername: 'main', dialtimeout: 300 });
      const driver = createMemoryDriver();
      const coordination = await coordinate(t, driver, settings);
      assert.match(coordination.logLines.join(), /Redis is away/);
      const { http } = await openRegistry(t, { driver, coordination });
      const answer = await http.post('/v2/some/app/blobs/uploads/').expect(503);
      assert.equal(answer.headers['retry-after'], '5');
      await coordination.close();
    });
  }
});

/** Pushes an image, whose uploads, tags and links lie in many slots of a cluster. */
async function assertWorks(t: TestContext, settings: RedisCoordinationSettings) {
  const driver = createMemoryDriver();
  const coordination = await coordinate(t, driver, settings);
  const registry = await openRegistry(t, { driver, coordination });
  for (const name of ['some/app', 'other/app', 'third']) await pushImage(registry.http, name, 'latest');
  const location = await beginUpload(registry.http, 'some/app');
  await registry.http.patch(location).send('01234').expect(202);
  await registry.http.put(withQuery(location, `digest=${blobOf('01234').digest}`)).expect(201);
  return registry;
}

async function assertRefused(
  t: TestContext,
  settings: RedisCoordinationSettings,
  message: RegExp,
): Promise<void> {
  await assert.rejects(coordinate(t, createMemoryDriver(), settings), (error) => {
    assert.ok(error instanceof RedisRefusedError, String(error));
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });
}
