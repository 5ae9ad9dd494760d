// Small uploads in the journal of a server that works alone, and what becomes of them when it is killed.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Digest, parseDigest } from '../../src/registry/digest.ts';
import { blobData, layerLink, UPLOAD_JOURNALS, uploadJournal, uploads } from '../../src/registry/layout.ts';
import { createLocks } from '../../src/registry/locks.ts';
import { parseSessionId, type UploadSession } from '../../src/registry/sessions.ts';
import { createUploads } from '../../src/registry/uploads.ts';
import { createLocalCoordination } from '../../src/sessions/coordination.ts';
import { createSessionJournal } from '../../src/sessions/journal.ts';
import { formatRecord } from '../../src/sessions/journal-records.ts';
import { recoverJournals } from '../../src/sessions/journal-recovery.ts';
import { createStorageSessions } from '../../src/sessions/storage.ts';
import { newStagedWrite, type StorageDriver } from '../../storage-drivers/driver.ts';
import { createFilesystemDriver } from '../../storage-drivers/filesystem/filesystem-driver.ts';
import { gather, text } from '../drivers/content.ts';
import { openRegistry } from '../support/app.ts';
import { beginUpload, blobOf, withQuery } from '../support/content.ts';
import { temporaryDirectory } from '../support/service.ts';
import { newSession, repository, sessionsSuite } from './suite.ts';

sessionsSuite(
  'journal',
  (driver) => ({
    sessions: createStorageSessions(driver, createSessionJournal(driver)),
    locks: createLocks(),
  }),
  openDirectory,
);

test('states that come at the same moment are brought to the disk together, in one file', async (t) => {
  const driver = await openDirectory(t);
  let appends = 0;
  const journal = createSessionJournal({
    ...driver,
    append(write, content) {
      appends += 1;
      return driver.append(write, content);
    },
  });
  const sessions = await Promise.all(Array.from({ length: 50 }, () => heldSession(driver, 'some bytes')));
  await Promise.all(sessions.map((session) => journal.keep(session)));
  assert.equal(appends, 1);
  assert.equal((await driver.list(UPLOAD_JOURNALS)).length, 1);
  for (const session of sessions) assert.deepEqual(journal.find(session.id), session);
  assert.equal(journal.heldBytes(), 50 * 'some bytes'.length);
});

test('what a killed server kept is found as uploads of their own, with all of their bytes', async (t) => {
  const driver = await openDirectory(t);
  const journal = createSessionJournal(driver);
  const [first, second] = [await heldSession(driver, 'first'), await heldSession(driver, 'second')];
  await Promise.all([journal.keep(first), journal.keep(second)]);
  const longer = await heldSession(driver, 'first and more', first);
  await journal.keep(longer);

  assert.deepEqual(await recoverJournals(driver), { uploads: 2 });
  const next = createStorageSessions(driver);
  for (const [{ id, startedAt }, bytes] of [
    [first, 'first and more'],
    [second, 'second'],
  ] as const) {
    const found = await next.find(repository, id);
    assert.ok(found);
    assert.deepEqual(found.startedAt, startedAt);
    assert.equal(text(await gather(await driver.openStaged(found.write))), bytes);
  }
  assert.deepEqual(await driver.list(UPLOAD_JOURNALS), [], 'it is recovered once');
});

test('where the disk is full nothing is recovered and nothing lost, and the next start tries again', async (t) => {
  const driver = await openDirectory(t);
  const journal = createSessionJournal(driver);
  for (const content of ['first', 'second', 'third']) await journal.keep(await heldSession(driver, content));
  let appends = 0;
  const full: StorageDriver = {
    ...driver,
    async append(write, content) {
      appends += 1;
      if (appends > 1) throw new Error('no space');
      return driver.append(write, content);
    },
  };
  const { uploads: recovered, failure } = await recoverJournals(full);
  assert.equal(recovered, 0);
  assert.match(String(failure), /no space/);
  assert.deepEqual(await driver.list(uploads(repository)), []);
  assert.deepEqual(await recoverJournals(driver), { uploads: 3 });
});

test('what is still being written when a recovery fails is taken back as well', async (t) => {
  const driver = await openDirectory(t);
  await createSessionJournal(driver).keep(await heldSession(driver, 'some bytes'));
  let written: Promise<unknown> = Promise.resolve();
  const { failure } = await recoverJournals({
    ...driver,
    async write(key, content, options) {
      const writing = sleep(50).then(() => driver.write(key, content, options));
      written = writing;
      return writing;
    },
    append: async () => Promise.reject(new Error('no space')),
  });
  assert.match(String(failure), /no space/);
  await written;
  assert.deepEqual(await driver.list(uploads(repository)), []);
});

test('what has ended and what is torn is not recovered', async (t) => {
  const driver = await openDirectory(t);
  const journal = createSessionJournal(driver);
  const ended = await heldSession(driver, 'ended');
  const open = await heldSession(driver, 'open');
  for (const session of [ended, open]) await journal.keep(session);
  await journal.end(ended.id);
  await journal.keep(await heldSession(driver, 'torn'));
  await damage(driver, (content) =>
    content.fill(0, content.lastIndexOf('torn'), content.lastIndexOf('torn') + 1),
  );

  assert.deepEqual(await recoverJournals(driver), { uploads: 1 });
  assert.deepEqual(
    (await driver.list(uploads(repository))).map(({ name }) => name),
    [open.id],
  );
});

test('bytes of an upload that look like the end of another one are bytes', async (t) => {
  const driver = await openDirectory(t);
  const journal = createSessionJournal(driver);
  const open = await heldSession(driver, 'open');
  await journal.keep(open);
  await journal.keep(await heldSession(driver, Buffer.concat(formatRecord({ id: open.id }))));
  assert.deepEqual(await recoverJournals(driver), { uploads: 2 });
});

test('nobody waits for the disk to be told that an upload has ended, but with others that wait', async (t) => {
  const driver = await openDirectory(t);
  const appends: boolean[] = [];
  const journal = createSessionJournal({
    ...driver,
    append(write, content, options) {
      appends.push(options?.durable ?? true);
      return driver.append(write, content, options);
    },
  });
  const [first, second, third] = [
    await heldSession(driver, 'first'),
    await heldSession(driver, 'second'),
    await heldSession(driver, 'third'),
  ];
  await Promise.all([journal.keep(first), journal.keep(second)]);
  await journal.end(first.id);
  await Promise.all([journal.end(second.id), journal.keep(third)]);
  await journal.leave(third.id);
  assert.deepEqual(appends, [true, false, true, true]);
  assert.deepEqual(await recoverJournals(driver), { uploads: 0 });
});

test('an upload whose bytes are a blob already, which somebody else pushed, is still an upload', async (t) => {
  const driver = await openDirectory(t);
  const session = await heldSession(driver, 'a blob');
  await createSessionJournal(driver).keep(session);
  const digest = parseDigest(blobOf('a blob').digest);
  await driver.write(blobData(digest), Buffer.from('a blob'));
  await driver.write(layerLink(repository, digest), Buffer.from(digest));
  assert.deepEqual(await recoverJournals(driver), { uploads: 1 });
});

test('a journal that is long is left for a new one, which has what is still open', async (t) => {
  const driver = await openDirectory(t);
  const journal = createSessionJournal(driver, { longest: 1_000 });
  const open = await heldSession(driver, 'open all the time');
  await journal.keep(open);
  const ended: UploadSession[] = [];
  for (let count = 0; count < 20; count += 1) {
    const session = await heldSession(driver, `number ${count}`);
    ended.push(session);
    await journal.keep(session);
    await journal.end(session.id);
  }
  const [file, ...others] = await driver.list(UPLOAD_JOURNALS);
  assert.ok(file !== undefined && others.length === 0, 'the ones before are removed');
  const content = Buffer.from(await driver.read(uploadJournal(file.name)));
  assert.ok(content.indexOf(0) < 3_000, 'behind that is only room');
  assert.deepEqual(await recoverJournals(driver), { uploads: 1 });
  assert.ok(await createStorageSessions(driver).find(repository, open.id));
});

test('of two journals, as a crash may leave them, an end in either counts', async (t) => {
  const driver = await openDirectory(t);
  const session = await heldSession(driver, 'ended');
  const old = createSessionJournal(driver);
  await old.keep(session);
  const next = createSessionJournal(driver);
  await next.keep(session);
  await next.end(session.id);
  assert.equal((await driver.list(UPLOAD_JOURNALS)).length, 2);
  assert.deepEqual(await recoverJournals(driver), { uploads: 0 });
});

test('a state that cannot be kept leaves the one before, and the next one is kept', async (t) => {
  const driver = await openDirectory(t);
  const disk = breakable(driver);
  const journal = createSessionJournal(disk.driver);
  const before = await heldSession(driver, 'before');
  await journal.keep(before);
  disk.isFull = true;
  await assert.rejects(journal.keep(await heldSession(driver, 'before and after', before)), /no space/);
  assert.deepEqual(journal.find(before.id), before);
  disk.isFull = false;
  const doubtful = await driver.list(UPLOAD_JOURNALS);
  const after = await heldSession(driver, 'before and after all', before);
  await journal.keep(after);
  // What was not durable in it when that write failed may be anything after a power cut.
  assert.notDeepEqual(await driver.list(UPLOAD_JOURNALS), doubtful, 'the journal goes on in a new file');
  assert.deepEqual(await recoverJournals(driver), { uploads: 1 });
  assert.equal(
    (await createStorageSessions(driver).find(repository, before.id))?.write.size,
    after.write.size,
  );
});

test('an upload that cannot leave the journal is in it still, and one that ends has ended', async (t) => {
  const driver = await openDirectory(t);
  const disk = breakable(driver);
  const journal = createSessionJournal(disk.driver);
  const session = await heldSession(driver, 'some bytes');
  await journal.keep(session);
  disk.isFull = true;
  await assert.rejects(journal.leave(session.id), /no space/);
  assert.deepEqual(journal.find(session.id), session);
  assert.equal(journal.heldBytes(), session.write.size);
  const ended = await heldSession(driver, 'ended');
  disk.isFull = false;
  await journal.keep(ended);
  disk.isFull = true;
  // Its blob is there: nobody is told that it is not.
  await journal.end(ended.id);
  assert.equal(journal.find(ended.id), undefined);
  disk.isFull = false;
  await journal.leave(session.id);
  assert.equal(journal.find(session.id), undefined);
  assert.deepEqual(await recoverJournals(driver), { uploads: 0 });
});

test('a journal that somebody removed is begun anew, with what is still open', async (t) => {
  const driver = await openDirectory(t);
  const journal = createSessionJournal(driver);
  const [before, after] = [await heldSession(driver, 'before'), await heldSession(driver, 'after')];
  await journal.keep(before);
  await driver.delete(UPLOAD_JOURNALS);
  await journal.keep(after);
  assert.deepEqual(await recoverJournals(driver), { uploads: 2 });
});

test('a small upload is kept in the journal alone, and nothing is left of it when it is a blob', async (t) => {
  const { http, driver } = await openJournaled(t);
  const location = await beginUpload(http, repository);
  await http.patch(location).send('01234').expect(202);
  assert.deepEqual(await driver.list(uploads(repository)), []);
  const { headers } = await http.patch(location).set('Content-Range', '5-9').send('56789').expect(202);
  assert.equal(headers['range'], '0-9');
  const { digest } = blobOf('0123456789');
  await http.put(withQuery(location, `digest=${digest}`)).expect(201);
  await http.get(location).expect(404);
  await http.get(`/v2/${repository}/blobs/${digest}`).expect(200, Buffer.from('0123456789'));
  assert.deepEqual(await driver.list(uploads(repository)), []);
  assert.deepEqual(await recoverJournals(driver), { uploads: 0 });
});

test('an upload that grows out of the journal is an upload as ever, also after a crash', async (t) => {
  const { http, driver } = await openJournaled(t);
  const location = await beginUpload(http, repository);
  const content = Buffer.alloc(200_000, 'large');
  await http.patch(location).send(content.subarray(0, 1_000)).expect(202);
  await http.patch(location).send(content.subarray(1_000, 150_000)).expect(202);
  assert.equal((await driver.list(uploads(repository))).length, 1);

  assert.deepEqual(await recoverJournals(driver), { uploads: 0 }, 'the fewer bytes are not brought back');
  const { http: next } = await openJournaled(t, driver);
  const { headers } = await next.get(location).expect(204);
  assert.equal(headers['range'], '0-149999');
  await next.patch(location).send(content.subarray(150_000)).expect(202);
  const { digest } = blobOf(content);
  await next.put(withQuery(location, `digest=${digest}`)).expect(201);
});

for (const before of ['', 'held']) {
  test(`few bytes in too many pieces to be held are an upload as ever, behind ${before.length} that are`, async (t) => {
    const driver = await openDirectory(t);
    const locks = createLocks();
    const { sessions } = createLocalCoordination(driver, { journaled: true });
    const blobs = { admit: async () => assert.fail('it is not closed') };
    const uploadsUnderTest = createUploads({ driver, sessions, blobs, locks });
    const { id } = await uploadsUnderTest.begin(repository);
    async function* pieces(text: string) {
      for (const piece of text) yield Buffer.from(piece);
    }
    if (before !== '') await uploadsUnderTest.append(repository, id, { body: pieces(before) });
    await uploadsUnderTest.append(repository, id, { body: pieces('x'.repeat(100)) });
    assert.deepEqual(await recoverJournals(driver), { uploads: 0 });
    const found = await createStorageSessions(driver).find(repository, parseSessionId(id));
    assert.equal(found?.write.size, before.length + 100);
  });
}

test('an upload that was given up does not come back after a crash', async (t) => {
  const { http, driver } = await openJournaled(t);
  const location = await beginUpload(http, repository);
  await http.patch(location).send('01234').expect(202);
  await http.delete(location).expect(204);
  assert.deepEqual(await recoverJournals(driver), { uploads: 0 });
});

test('a chunk that broke off on its way out of the journal leaves nothing behind when the upload ends', async (t) => {
  const { http, driver } = await openJournaled(t);
  const location = await beginUpload(http, repository);
  await http.patch(location).send('01234').expect(202);
  const tooLong = Buffer.alloc(100_000);
  await http.patch(location).set('Content-Range', '5-9').send(tooLong).expect(400);
  await http.get(location).expect(204).expect('Range', '0-4');
  await http.put(withQuery(location, `digest=${blobOf('01234').digest}`)).expect(201);
  assert.deepEqual(await driver.list(uploads(repository)), []);
});

test('a server that stops leaves its uploads where any other one finds them, and no journal', async (t) => {
  const driver = await openDirectory(t);
  const coordination = createLocalCoordination(driver, { journaled: true });
  const { http } = await openRegistry(t, { driver, coordination });
  const location = await beginUpload(http, repository);
  await http.patch(location).send('01234').expect(202);
  await coordination.close();
  assert.deepEqual(await driver.list(UPLOAD_JOURNALS), []);
  const { http: next } = await openRegistry(t, { driver, coordination: createLocalCoordination(driver) });
  await next.get(location).expect(204).expect('Range', '0-4');
});

test('when there is much in the journal, new uploads do not go there', async (t) => {
  const driver = await openDirectory(t);
  const journal = createSessionJournal(driver);
  const sessions = createStorageSessions(driver, journal);
  assert.equal(sessions.holds, 65_536);
  const { write, ...rest } = await heldSession(driver, 'x');
  await journal.keep({ ...rest, write: { ...write, size: 17 * 1024 * 1024 } });
  assert.equal(sessions.holds, 0);
});

async function openDirectory(t: Pick<TestContext, 'after'>): Promise<StorageDriver> {
  return createFilesystemDriver({ rootDirectory: await temporaryDirectory(t) });
}

async function openJournaled(t: TestContext, given?: StorageDriver) {
  const driver = given ?? (await openDirectory(t));
  return openRegistry(t, { driver, coordination: createLocalCoordination(driver, { journaled: true }) });
}

/** A session whose write holds the content. */
async function heldSession(
  driver: StorageDriver,
  content: string | Buffer,
  before: UploadSession = newSession(),
): Promise<UploadSession> {
  const empty = newStagedWrite(before.write.key, undefined, 65_536);
  const bytes = Buffer.from(content);
  const digest: Digest = parseDigest(blobOf(bytes).digest);
  return { ...before, write: await driver.append(empty, bytes), digest };
}

async function damage(driver: StorageDriver, change: (content: Buffer) => Buffer): Promise<void> {
  for (const { name } of await driver.list(UPLOAD_JOURNALS)) {
    const content = Buffer.from(await driver.read(uploadJournal(name)));
    await driver.write(uploadJournal(name), change(content));
  }
}

/** The same driver, which takes no bytes while its disk is full. */
function breakable(driver: StorageDriver) {
  const disk = {
    isFull: false,
    driver: {
      ...driver,
      async append(...words: Parameters<StorageDriver['append']>) {
        if (disk.isFull) throw new Error('no space');
        return driver.append(...words);
      },
    },
  };
  return disk;
}
