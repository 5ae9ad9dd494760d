// Locks and upload sessions of several processes of one server.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { isRefusal } from '../../src/registry/errors.ts';
import { UPLOAD_JOURNALS, uploads } from '../../src/registry/layout.ts';
import type { Lease, Locks } from '../../src/registry/locks.ts';
import { parseRepositoryName } from '../../src/registry/name.ts';
import type { SessionId } from '../../src/registry/sessions.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { createFilesystemDriver } from '../../storage-drivers/filesystem/filesystem-driver.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { locksSuite, work } from '../registry/locks-suite.ts';
import {
  newSession,
  repository,
  type SessionsUnderTest,
  saveAlone,
  sessionsSuite,
} from '../sessions/suite.ts';
import { openPrimary } from '../support/linked-workers.ts';
import { temporaryDirectory } from '../support/service.ts';

/** Several round trips. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
}

/** Each call goes through the next one of them, and is of a repository, which more than one works on at a time. */
function inTurn(all: readonly Locks[]): Locks {
  let calls = 0;
  const run =
    (kind: keyof Locks) =>
    <T>(name: string, task: (lease: Lease) => Promise<T>): Promise<T> => {
      calls += 1;
      const locks = all[calls % all.length];
      assert.ok(locks);
      return locks[kind](`app/${name}`, task);
    };
  return { shared: run('shared'), exclusive: run('exclusive') };
}

locksSuite('one worker', () => openPrimary().addWorker(createMemoryDriver()).locks, settle);

locksSuite(
  'three workers and their primary',
  () => {
    const { desk, addWorker } = openPrimary();
    const workers = Array.from({ length: 3 }, () => addWorker(createMemoryDriver()).locks);
    return inTurn([...workers, desk.locks]);
  },
  settle,
);

sessionsSuite('a worker over memory', (driver) => openPrimary().addWorker(driver));
sessionsSuite(
  'a worker over a directory',
  (driver) => openPrimary().addWorker(driver),
  async (t) => createFilesystemDriver({ rootDirectory: await temporaryDirectory(t) }),
);

test('what a worker has goes to the others when it is gone, and what it waited for too', async () => {
  const { addWorker } = openPrimary();
  const [first, second, third] = [1, 2, 3].map(() => addWorker(createMemoryDriver()));
  assert.ok(first && second && third);
  const log: string[] = [];
  const [held, waiting, next] = ['held', 'waiting', 'next'].map((name) => work(name, log));
  assert.ok(held && waiting && next);
  const lost = first.locks.exclusive('app', held.run);
  await held.begun;
  const abandoned = second.locks.exclusive('app', waiting.run);
  await settle();
  const granted = third.locks.exclusive('app', next.run);
  await settle();
  assert.deepEqual(log, ['+held']);
  second.die();
  await assert.rejects(abandoned, (error) => isRefusal(error, 'unavailable'));
  await settle();
  assert.deepEqual(log, ['+held'], 'nobody has it before its holder is gone');
  first.die();
  await next.begun;
  next.end();
  held.end();
  assert.equal(await granted, 'next');
  await lost;
});

test('an upload that comes home while it is looked for elsewhere is found', async () => {
  const { addWorker } = openPrimary();
  const store = { ...createMemoryDriver(), stagesInPlace: true as const };
  const looked = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const slow: StorageDriver = {
    ...store,
    async stat(key) {
      looked.resolve();
      await gate.promise;
      return store.stat(key);
    },
  };
  const [first, second] = [addWorker(store), addWorker(slow)];
  const session = newSession();
  await first.sessions.create(session);
  const found = second.sessions.find(repository, session.id);
  await looked.promise;
  await second.locks.exclusive(session.id, async (lease) => {
    const here = await second.sessions.find(repository, session.id);
    assert.ok(here);
    await second.sessions.claim(here, lease);
    gate.resolve();
    assert.equal((await found)?.id, session.id);
  });
});

test('who has lost the primary is told so before the next step', async () => {
  const worker = openPrimary().addWorker(createMemoryDriver());
  for (const name of ['app', randomUUID()]) {
    await worker.locks.exclusive(name, async (lease) => {
      await lease.confirm();
      assert.equal(lease.isLost(), false);
      if (name !== 'app') {
        worker.die();
        assert.equal(lease.isLost(), true);
        await assert.rejects(lease.confirm(), (error) => isRefusal(error, 'unavailable'));
      }
    });
  }
  await assert.rejects(
    worker.locks.exclusive('app', async () => assert.fail('it has no lock')),
    (error) => isRefusal(error, 'unavailable'),
  );
});

test('an upload that was begun in one process is known in the others at once, and goes on there', async (t) => {
  const driver = await createFilesystemDriver({ rootDirectory: await temporaryDirectory(t) });
  const { addWorker } = openPrimary();
  const [first, second] = [addWorker(driver), addWorker(driver)];
  const session = newSession();
  await first.sessions.create(session);
  assert.deepEqual(await second.sessions.find(repository, session.id), session, 'where it stands');
  await second.locks.exclusive(session.id, async () => {
    const { holds } = second.sessions;
    assert.ok(holds !== undefined && holds > 0);
    const write = { ...session.write, holds };
    assert.deepEqual(
      await second.sessions.find(repository, session.id),
      { ...session, write },
      'and to go on with',
    );
  });
  for (const worker of [first, second, first]) await addByte(worker, driver, session.id);
  assert.equal((await second.sessions.find(repository, session.id))?.write.size, 3);
});

test('few bytes of an upload are in the journal of its process alone, and whoever looks finds them', async (t) => {
  const driver = await createFilesystemDriver({ rootDirectory: await temporaryDirectory(t) });
  const { addWorker } = openPrimary();
  const [first, second] = [addWorker(driver), addWorker(driver)];
  const session = newSession();
  const { id } = session;
  await first.sessions.create({ ...session, write: { ...session.write, holds: first.sessions.holds ?? 0 } });
  await addByte(first, driver, id);
  assert.deepEqual(await driver.list(uploads(repository)), []);
  assert.equal((await driver.list(UPLOAD_JOURNALS)).length, 1);
  assert.equal((await second.sessions.find(repository, id))?.write.size, 1);
  assert.equal(await second.sessions.find(parseRepositoryName('other'), id), undefined);
  await addByte(second, driver, id);
  assert.deepEqual(
    (await driver.list(uploads(repository))).map(({ name }) => name),
    [id],
  );
  first.die();
  second.die();
  const third = addWorker(driver);
  assert.equal((await third.sessions.find(repository, id))?.write.size, 2, 'not as few as there were once');
});

for (const what of ['where it stands', 'to go on with it'] as const) {
  test(`whoever asks for an upload when its process has died, ${what}, waits until its journal is recovered`, async (t) => {
    const driver = await createFilesystemDriver({ rootDirectory: await temporaryDirectory(t) });
    const looked = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const slow: StorageDriver = {
      ...driver,
      async list(prefix, options) {
        if (prefix === UPLOAD_JOURNALS) {
          looked.resolve();
          await gate.promise;
        }
        return driver.list(prefix, options);
      },
    };
    const { addWorker } = openPrimary();
    const [first, second, third] = [addWorker(slow), addWorker(driver), addWorker(driver)];
    const [session, other] = [newSession(), newSession()];
    const { holds = 0 } = first.sessions;
    for (const [worker, { id, write, ...more }] of [
      [first, session],
      [third, other],
    ] as const) {
      await worker.sessions.create({ ...more, id, write: { ...write, holds } });
      await addByte(worker, driver, id);
    }
    await settle();
    first.die();
    await looked.promise;
    const sizes: (number | undefined)[] = [];
    const find = async () => {
      sizes.push((await second.sessions.find(repository, session.id))?.write.size);
    };
    const found = what === 'where it stands' ? find() : second.locks.exclusive(session.id, find);
    await settle();
    assert.deepEqual(sizes, []);
    gate.resolve();
    await found;
    assert.deepEqual(sizes, [1]);
    assert.equal((await driver.list(UPLOAD_JOURNALS)).length, 1, 'the other one is of a process that lives');
    await addByte(third, driver, other.id);
    assert.equal((await second.sessions.find(repository, other.id))?.write.size, 2);
  });
}

test('an upload is never remembered as it was before another process went on with it', async () => {
  // Where the store does not show the bytes, what a process remembers is all it looks at.
  const driver = createMemoryDriver();
  const { addWorker } = openPrimary();
  const [first, second] = [addWorker(driver), addWorker(driver)];
  const session = newSession();
  await first.sessions.create(session);
  for (let size = 1; size < 6; size += 1) {
    const [writer, reader] = size % 2 === 0 ? [first, second] : [second, first];
    await saveAlone(writer, { ...session, write: { ...session.write, size } });
    await reader.locks.exclusive(session.id, async () => {
      assert.equal((await reader.sessions.find(repository, session.id))?.write.size, size);
    });
  }
  await second.locks.exclusive(session.id, () => second.sessions.remove(session));
  assert.equal(
    await first.locks.exclusive(session.id, () => first.sessions.find(repository, session.id)),
    undefined,
  );
});

test('one writer at a time goes on with an upload, whichever processes its requests reach', async () => {
  const driver = createMemoryDriver();
  const { addWorker, desk } = openPrimary();
  const workers = Array.from({ length: 4 }, () => addWorker(driver));
  const everybody = [...workers.map(({ locks }) => locks), desk.locks];
  const session = newSession();
  await workers[0]?.sessions.create(session);
  let running = 0;
  let done = 0;
  const takeTurn = async () => {
    running += 1;
    assert.equal(running, 1);
    await new Promise(setImmediate);
    running -= 1;
    done += 1;
  };
  const turns = Array.from({ length: 20 }, () =>
    everybody.map((locks) => locks.exclusive(session.id, takeTurn)),
  );
  await Promise.all(turns.flat());
  assert.equal(done, 100);
});

test('an upload whose process is gone goes on with what is in the store, or from its beginning', async () => {
  const driver = createMemoryDriver();
  const { addWorker } = openPrimary();
  const [first, second] = [addWorker(driver), addWorker(driver)];
  const [begun, saved, locked] = [newSession(), newSession(), newSession()];
  for (const session of [begun, saved, locked]) await first.sessions.create(session);
  const grown = { ...saved, write: { ...saved.write, size: 5 } };
  await saveAlone(first, grown);
  const held = work('held', []);
  const lost = first.locks.exclusive(locked.id, held.run);
  await held.begun;
  const waiting = second.locks.exclusive(locked.id, () => second.sessions.find(repository, locked.id));
  await settle();
  first.die();
  assert.equal((await waiting)?.write.size, 0, 'nobody has written to it');
  assert.deepEqual(await second.sessions.find(repository, saved.id), grown);
  const { id, startedAt } = begun;
  assert.deepEqual((await second.sessions.find(repository, id))?.startedAt, startedAt);
  assert.equal(await second.sessions.find(parseRepositoryName('other'), id), undefined);
  await second.locks.exclusive(id, async (lease) => {
    const found = await second.sessions.find(repository, id);
    assert.equal(found?.write.size, 0);
    if (found !== undefined) await second.sessions.claim(found, lease);
  });
  held.end();
  await lost;
});

test('an upload that has ended is unknown everywhere, also when its process is gone', async () => {
  const driver = createMemoryDriver();
  const { addWorker } = openPrimary();
  const [first, second] = [addWorker(driver), addWorker(driver)];
  const session = newSession();
  await first.sessions.create(session);
  await first.locks.exclusive(session.id, () => first.sessions.remove(session));
  await settle();
  first.die();
  const { id } = session;
  assert.equal(await second.sessions.find(repository, id), undefined);
  assert.equal(await second.locks.exclusive(id, () => second.sessions.find(repository, id)), undefined);
});

test('a worker that comes later, or takes the place of one that died, finds the same uploads', async () => {
  const driver = createMemoryDriver();
  const { addWorker } = openPrimary();
  const [first, second] = [addWorker(driver), addWorker(driver)];
  const session = newSession();
  await first.sessions.create(session);
  second.die();
  assert.deepEqual(await addWorker(driver).sessions.find(repository, session.id), session);
});

test('uploads without a byte are written down when a worker stops', async () => {
  const driver = createMemoryDriver();
  const { addWorker } = openPrimary();
  const first = addWorker(driver);
  const session = newSession();
  await first.sessions.create(session);
  await first.close();
  first.die();
  assert.deepEqual(await addWorker(driver).sessions.find(repository, session.id), session);
});

/** As a request does that brings one. */
async function addByte(worker: SessionsUnderTest, driver: StorageDriver, id: SessionId): Promise<void> {
  await worker.locks.exclusive(id, async (lease) => {
    const found = await worker.sessions.find(repository, id);
    assert.ok(found);
    if ((found.write.holds ?? 0) === 0) await worker.sessions.claim(found, lease);
    const write = await driver.append(found.write, oneByte());
    await worker.sessions.save({ ...found, write }, lease);
  });
}

async function* oneByte(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('x');
}
