// Upload sessions that are shared over Redis.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { isRefusal } from '../../src/registry/errors.ts';
import { uploadData } from '../../src/registry/layout.ts';
import type { RedisStore } from '../../src/sessions/redis.ts';
import { createRedisLocks } from '../../src/sessions/redis-locks.ts';
import { createRedisSessions } from '../../src/sessions/redis-sessions.ts';
import type { ChangeListener } from '../../src/sessions/redis-watch.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { createFilesystemDriver } from '../../storage-drivers/filesystem/filesystem-driver.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { openRegistry } from '../support/app.ts';
import { beginUpload, blobOf, pushImage, withQuery } from '../support/content.ts';
import { coordinate, openRedis, settingsOf, UPLOAD_TTL_MS } from '../support/redis-clients.ts';
import { startRedisServer, until } from '../support/redis-server.ts';
import { temporaryDirectory } from '../support/service.ts';
import { whyNotHere } from '../support/system-packages.ts';
import { newSession, repository, saveAlone, sessionsSuite } from './suite.ts';

describe('upload sessions over Redis', { skip: whyNotHere(['redis-server']) }, async () => {
  const server = await startRedisServer({ after });
  const redis = await openRedis({ after }, server.port);
  const create = (driver: StorageDriver) => ({
    sessions: createRedisSessions(driver, redis, { ttlMs: UPLOAD_TTL_MS, doubtMs: 15_000 }),
    locks: createRedisLocks(redis, { leaseMs: 15_000, waitMs: 30_000 }),
  });

  sessionsSuite('Redis over memory', create);
  sessionsSuite('Redis over a directory', create, async (t) =>
    createFilesystemDriver({ rootDirectory: await temporaryDirectory(t) }),
  );

  test('progress is not kept for a holder that has lost its lease', async () => {
    const { sessions, locks } = create(createMemoryDriver());
    const session = newSession();
    await sessions.create(session);
    const late = { ...session, write: { ...session.write, size: 5 } };
    await locks.exclusive(session.id, async (lost) => {
      await server.client.del(...(await server.keys('*:owner')));
      await saveAlone({ sessions, locks }, session);
      await assert.rejects(sessions.save(late, lost), (error) => isRefusal(error, 'unavailable'));
    });
    assert.equal((await sessions.find(repository, session.id))?.write.size, 0);
  });

  test('a digest is believed only for the bytes that it was computed of', async (t) => {
    const driver = await createFilesystemDriver({ rootDirectory: await temporaryDirectory(t) });
    const { sessions, locks } = create(driver);
    const session = newSession();
    await sessions.create(session);
    const append = (text: string) =>
      driver.append(
        session.write,
        (async function* () {
          yield Buffer.from(text);
        })(),
      );
    const { digest } = blobOf('01234');
    const saved = { ...session, write: await append('01234'), digest } as typeof session;
    await saveAlone({ sessions, locks }, saved);
    assert.deepEqual(await sessions.find(repository, session.id), saved);
    await append('43210');
    const found = await sessions.find(repository, session.id);
    assert.deepEqual(found?.write, { key: uploadData(repository, session.id), size: 5 });
    assert.equal(found?.digest, undefined);
  });

  test('after Redis was away sessions are disputed for a while: it may have forgotten who writes', async () => {
    let listener: ChangeListener = () => undefined;
    const onChange = (given: ChangeListener) => {
      listener = given;
    };
    const watched: RedisStore = { ...redis, onChange };
    const driver = createMemoryDriver();
    const sessions = createRedisSessions(driver, watched, { ttlMs: UPLOAD_TTL_MS, doubtMs: 60_000 });
    const session = newSession();
    await sessions.create(session);
    const isDisputed = async () => (await sessions.find(repository, session.id))?.disputed === true;
    listener('up');
    assert.equal(await isDisputed(), false, 'the first connection is no return');
    listener('down');
    listener('up');
    assert.equal(await isDisputed(), true);
  });

  test('a note that nobody here has written is none', async () => {
    const { sessions } = create(createMemoryDriver());
    for (const note of ['', 'null', '{}', '{"note":1}', '{"note":"{"}', '\0']) {
      const session = newSession();
      await sessions.create(session);
      await server.client.set(`berth:{${session.id}}:upload`, note, 'PX', 10_000);
      assert.equal(await sessions.find(repository, session.id), undefined, note);
    }
  });

  test('every key goes by itself, and none stays when everything is done', async (t) => {
    await server.client.flushall();
    const driver = createMemoryDriver();
    const coordination = await coordinate(t, driver, settingsOf([server.port]));
    const { http } = await openRegistry(t, { driver, coordination });
    const location = await beginUpload(http, 'some/app');
    await http.patch(location).send('01234').expect(202);
    const [key = '', ...others] = await server.keys('*:upload');
    assert.deepEqual(others, []);
    const left = await server.client.pttl(key);
    assert.ok(left > UPLOAD_TTL_MS - 60_000 && left <= UPLOAD_TTL_MS, `${left}`);
    const cancelled = await beginUpload(http, 'some/app');
    await http.delete(cancelled).expect(204);
    await http.put(withQuery(location, `digest=${blobOf('01234').digest}`)).expect(201);
    const { digest } = await pushImage(http, 'some/app', 'latest');
    await http.delete(`/v2/some/app/manifests/${digest}`).expect(202);
    for (const key of await server.keys()) assert.ok((await server.client.pttl(key)) > 0, key);
    await until(async () => (await server.keys()).length === 0);
  });

  test('a session id that nobody was given never reaches Redis', async (t) => {
    const driver = createMemoryDriver();
    const coordination = await coordinate(t, driver, settingsOf([server.port]));
    const { http } = await openRegistry(t, { driver, coordination });
    const seen: string[] = [];
    const monitor = await server.client.monitor();
    t.after(() => monitor.disconnect());
    monitor.on('monitor', (_time: string, words: string[]) => void seen.push(words.join(' ')));
    const hostile = [
      '..%2f..%2fx',
      '%0d%0aFLUSHALL',
      '*',
      '%7Bx%7D',
      'x'.repeat(10_000),
      `${newSession().id}%00`,
    ];
    for (const id of hostile) {
      for (const method of ['get', 'patch', 'put', 'delete'] as const) {
        const answer = await http[method](`/v2/some/app/blobs/uploads/${id}?digest=${blobOf('').digest}`);
        assert.ok([400, 404].includes(answer.status), `${method} ${id}: ${answer.status}`);
      }
    }
    await server.client.echo('the end');
    await until(async () => seen.some((line) => line.includes('the end')));
    assert.deepEqual(
      seen.filter((line) => line.startsWith('eval')),
      [],
    );
  });
});
