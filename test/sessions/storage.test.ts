// Sessions in the store itself, and those that the `registry` image began there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { orAbsent } from '../../src/registry/content.ts';
import { upload, uploadData, uploadStartedAt, uploadState } from '../../src/registry/layout.ts';
import { createLocks } from '../../src/registry/locks.ts';
import { parseRepositoryName } from '../../src/registry/name.ts';
import { createLocalCoordination } from '../../src/sessions/coordination.ts';
import { parseStartedAt } from '../../src/sessions/session-record.ts';
import { createStorageSessions } from '../../src/sessions/storage.ts';
import { createFilesystemDriver } from '../../storage-drivers/filesystem/filesystem-driver.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { openRegistry } from '../support/app.ts';
import { algorithms, beginUpload, blobOf, withQuery } from '../support/content.ts';
import { temporaryDirectory } from '../support/service.ts';
import { newSession, repository, saveAlone, sessionsSuite } from './suite.ts';

sessionsSuite('storage', (driver) => ({ sessions: createStorageSessions(driver), locks: createLocks() }));

test('the start is written as the registry image reads it, RFC 3339 in UTC, before the first byte', async () => {
  const driver = { ...createMemoryDriver(), stagesInPlace: true as const };
  const session = { ...newSession(), startedAt: new Date('2026-11-20T12:00:00.123Z') };
  const sessions = createStorageSessions(driver);
  await sessions.create(session);
  assert.deepEqual(await driver.list(''), [], 'nothing is written of what has no bytes');
  await createLocks().exclusive(session.id, (lease) => sessions.claim(session, lease));
  const written = await driver.read(uploadStartedAt(repository, session.id));
  assert.equal(Buffer.from(written).toString(), '2026-11-20T12:00:00.123Z');
});

test('a start is written without a fraction where there are no bytes', async () => {
  const driver = { ...createMemoryDriver(), stagesInPlace: true as const };
  const session = { ...newSession(), startedAt: new Date('2026-11-20T12:00:00.123Z') };
  const sessions = createStorageSessions(driver);
  await sessions.create(session);
  await sessions.close();
  const written = await driver.read(uploadStartedAt(repository, session.id));
  assert.equal(Buffer.from(written).toString(), '2026-11-20T12:00:00Z');
  assert.equal((await createStorageSessions(driver).find(repository, session.id))?.write.size, 0);
});

test('a session whose bytes became a blob before a crash is unknown, and not one without bytes', async (t) => {
  const driver = await createFilesystemDriver({ rootDirectory: await temporaryDirectory(t) });
  const { http } = await openRegistry(t, { driver, coordination: createLocalCoordination(driver) });
  const location = await beginUpload(http, 'some/app');
  await http.patch(location).send('01234').expect(202);
  const id = location.split('/').at(-1) ?? '';
  const [key] = (await driver.list(`docker/registry/v2/repositories/some/app/_uploads/${id}`)).map(
    ({ name }) => `docker/registry/v2/repositories/some/app/_uploads/${id}/${name}`,
  );
  assert.ok(key);
  await driver.commit({ key, size: 5 }, 'somewhere/else');
  const { http: next } = await openRegistry(t, { driver });
  await next.get(location).expect(404);
});

test('a session whose first bytes are on their way is found, and counts those that the store shows', async () => {
  const driver = { ...createMemoryDriver(), stagesInPlace: true as const };
  const session = newSession();
  const sessions = createStorageSessions(driver);
  await sessions.create(session);
  await createLocks().exclusive(session.id, (lease) => sessions.claim(session, lease));
  while ((await orAbsent(driver.stat(uploadStartedAt(repository, session.id)))) === undefined) await turn();
  assert.deepEqual(
    await sessions.find(repository, session.id),
    session,
    'there is a start, and nothing behind it',
  );
  assert.equal(await sessions.find(parseRepositoryName('other/app'), session.id), undefined);
  await driver.write(uploadData(repository, session.id), Buffer.from('01234'));
  assert.equal((await sessions.find(repository, session.id))?.write.size, 5);
});

test('a start is read in every form of RFC 3339, and not from what is torn', () => {
  const parse = (text: string) => parseStartedAt(Buffer.from(text))?.toISOString();
  assert.equal(parse('2026-11-20T12:00:00Z'), '2026-11-20T12:00:00.000Z');
  assert.equal(parse('2026-11-20T13:00:00+01:00\n'), '2026-11-20T12:00:00.000Z');
  for (const text of ['', '\0\0\0\0', 'yesterday', '2026-11-']) assert.equal(parse(text), undefined, text);
});

test('an upload that the registry image began is found with the bytes that are there', async () => {
  const driver = createMemoryDriver();
  const { id } = newSession();
  await driver.write(uploadStartedAt(repository, id), Buffer.from('2026-11-20T12:00:00Z'));
  await driver.write(uploadData(repository, id), Buffer.from('0123456789'));
  await driver.write(`${upload(repository, id)}/hashstates/sha256/10`, Buffer.alloc(108));
  const found = await createStorageSessions(driver).find(repository, id);
  assert.deepEqual(found, {
    id,
    repository,
    startedAt: new Date('2026-11-20T12:00:00Z'),
    write: { key: uploadData(repository, id), size: 10 },
  });
});

test('an upload without a start, or with one that is torn, is unknown, as it is to the registry image', async () => {
  for (const start of [undefined, '', 'torn']) {
    const driver = createMemoryDriver();
    const { id } = newSession();
    await driver.write(uploadData(repository, id), Buffer.from('0123456789'));
    if (start !== undefined) await driver.write(uploadStartedAt(repository, id), Buffer.from(start));
    assert.equal(await createStorageSessions(driver).find(repository, id), undefined);
  }
});

test('bytes that somebody else added overrule the note: its digest is of fewer bytes', async () => {
  const driver = createMemoryDriver();
  const sessions = createStorageSessions(driver);
  const session = newSession();
  await driver.write(uploadStartedAt(repository, session.id), Buffer.from('2026-11-20T12:00:00Z'));
  const note = { write: { size: 5 }, digest: blobOf('01234').digest };
  await driver.write(uploadState(repository, session.id), Buffer.from(JSON.stringify(note)));
  for (const content of ['012', '0123456789']) {
    await driver.write(uploadData(repository, session.id), Buffer.from(content));
    const found = await sessions.find(repository, session.id);
    assert.equal(found?.write.size, content.length);
    assert.equal(found?.digest, undefined);
  }
  await driver.write(uploadData(repository, session.id), Buffer.from('01234'));
  assert.equal((await sessions.find(repository, session.id))?.digest, note.digest);
});

test('a note that is torn is none: the bytes decide', async () => {
  const notes = [
    '',
    '{',
    'null',
    '[]',
    '{"write":{"size":-1}}',
    '{"write":{"size":"5"}}',
    '{"write":{"size":5},"digest":"x"}',
  ];
  for (const note of notes) {
    const driver = createMemoryDriver();
    const sessions = createStorageSessions(driver);
    const session = newSession();
    await driver.write(uploadStartedAt(repository, session.id), Buffer.from('2026-11-20T12:00:00Z'));
    await driver.write(uploadData(repository, session.id), Buffer.from('01234'));
    await driver.write(uploadState(repository, session.id), Buffer.from(note));
    const found = await sessions.find(repository, session.id);
    assert.deepEqual(found?.write, { key: uploadData(repository, session.id), size: 5 }, note);
    assert.equal(found?.digest, undefined, note);
  }
});

test('sessions without a byte are written down when the server stops, and when there are very many', async () => {
  const driver = createMemoryDriver();
  const sessions = createStorageSessions(driver);
  const many = Array.from({ length: 1_001 }, () => newSession());
  for (const session of many) await sessions.create(session);
  const [oldest, ...others] = many;
  assert.ok(oldest);
  assert.deepEqual(await createStorageSessions(driver).find(repository, oldest.id), oldest);
  const youngest = others.at(-1);
  assert.ok(youngest);
  assert.equal(await createStorageSessions(driver).find(repository, youngest.id), undefined);
  await sessions.close();
  for (const session of many) {
    assert.deepEqual(await createStorageSessions(driver).find(repository, session.id), session);
  }
});

test('what is remembered of a session that has bytes is what the store has, also after it is forgotten', async () => {
  const driver = createMemoryDriver();
  const [sessions, locks] = [createStorageSessions(driver), createLocks()];
  const session = newSession();
  await sessions.create(session);
  const saved = { ...session, write: { ...session.write, size: 5, detail: { pieces: ['a'] } } };
  await saveAlone({ sessions, locks }, saved);
  assert.deepEqual(await sessions.find(repository, session.id), saved);
  assert.deepEqual(await createStorageSessions(driver).find(repository, session.id), saved);
  await sessions.remove(saved);
  assert.deepEqual(await driver.list(''), []);
});

for (const algorithm of algorithms) {
  test(`an upload that two processes take turns with is closed by its ${algorithm} digest in either`, async (t) => {
    const driver = await createFilesystemDriver({ rootDirectory: await temporaryDirectory(t) });
    const open = () => openRegistry(t, { driver, coordination: createLocalCoordination(driver) });
    const [first, second] = [await open(), await open()];
    for (const last of [first, second]) {
      const location = await beginUpload(first.http, 'some/app');
      await first.http.patch(location).send('01234').expect(202);
      const seen = await second.http.get(location).expect(204);
      assert.equal(seen.headers['range'], '0-4');
      await second.http.patch(location).send('56789').expect(202);
      await first.http.patch(location).set('Content-Range', '10-12').send('abc').expect(202);
      const { digest } = blobOf('0123456789abc', algorithm);
      await last.http.put(withQuery(location, `digest=${digest}`)).expect(201);
      await second.http.get(`/v2/some/app/blobs/${digest}`).expect(200);
    }
  });
}
