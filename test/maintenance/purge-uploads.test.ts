// Uploads that nobody will finish: those of ours, and what the `registry` image leaves.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { purgeUploads } from '../../src/maintenance/purge-uploads.ts';
import { createCatalog } from '../../src/registry/catalog.ts';
import { upload, uploadData, uploadStartedAt, uploadState } from '../../src/registry/layout.ts';
import { createLocks, type Locks } from '../../src/registry/locks.ts';
import type { UploadSessions } from '../../src/registry/sessions.ts';
import { createStorageSessions } from '../../src/sessions/storage.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { newSession, repository, saveAlone } from '../sessions/suite.ts';

const HOUR = 3_600_000;
const AGE = 168 * HOUR;

/** Purges as if it were so many milliseconds after now. */
function purge(
  driver: StorageDriver,
  laterMs: number,
  options: { dryRun?: boolean; locks?: Locks; sessions?: UploadSessions } = {},
) {
  const { dryRun = false, locks = createLocks(), sessions = createStorageSessions(driver) } = options;
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const now = () => new Date(Date.now() + laterMs);
  const dependencies = { driver, catalog: createCatalog(driver), sessions, locks, log, now };
  return purgeUploads(dependencies, { ageMs: AGE, dryRun }).then((result) => ({ ...result, lines }));
}

async function driverWithUpload() {
  const driver = createMemoryDriver();
  const session = { ...newSession(), startedAt: new Date() };
  const sessions = createStorageSessions(driver);
  await sessions.create(session);
  await saveAlone({ sessions, locks: createLocks() }, session);
  await driver.write(uploadData(repository, session.id), Buffer.from('01234'));
  return { driver, session };
}

test('an upload that was touched within the time stays', async () => {
  const { driver, session } = await driverWithUpload();
  const { removed, kept } = await purge(driver, AGE - HOUR);
  assert.deepEqual({ removed, kept }, { removed: 0, kept: 1 });
  assert.ok(await createStorageSessions(driver).find(repository, session.id));
});

test('an upload that was idle longer goes with everything that was noted of it', async () => {
  const { driver, session } = await driverWithUpload();
  const { removed, kept, lines } = await purge(driver, AGE + HOUR);
  assert.deepEqual({ removed, kept }, { removed: 1, kept: 0 });
  assert.deepEqual(await driver.list(''), []);
  assert.ok(lines.some((line) => line.includes(session.id)));
});

test('an upload that began long ago but was written to stays: it is idle time that counts', async () => {
  const { driver, session } = await driverWithUpload();
  const longAgo = new Date(Date.now() - 10 * AGE);
  await driver.write(uploadStartedAt(repository, session.id), Buffer.from(longAgo.toISOString()));
  assert.equal((await purge(driver, AGE - HOUR)).removed, 0);
});

test('a trial run says what it would remove, and removes nothing', async () => {
  const { driver, session } = await driverWithUpload();
  const { removed, lines } = await purge(driver, AGE + HOUR, { dryRun: true });
  assert.equal(removed, 1);
  assert.ok(lines.some((line) => line.includes(session.id) && line.includes('"dryRun":true')));
  assert.ok(await createStorageSessions(driver).find(repository, session.id));
});

test('what a cancelled upload of the registry image leaves goes too: a directory without a start', async () => {
  const driver = createMemoryDriver();
  const { id } = newSession();
  await driver.write(`${upload(repository, id)}/hashstates/sha256/10`, Buffer.alloc(108));
  assert.equal((await purge(driver, AGE - HOUR)).removed, 0);
  assert.equal((await purge(driver, AGE + HOUR)).removed, 1);
  assert.deepEqual(await driver.list(''), []);
});

test('a start that is torn does not keep an upload for ever', async () => {
  const driver = createMemoryDriver();
  const { id } = newSession();
  await driver.write(uploadStartedAt(repository, id), Buffer.from('torn'));
  assert.equal((await purge(driver, AGE + HOUR)).removed, 1);
});

test('a directory of another name than a session has is treated like one', async () => {
  const driver = createMemoryDriver();
  await driver.write('docker/registry/v2/repositories/some/app/_uploads/odd/data', Buffer.from('x'));
  assert.equal((await purge(driver, AGE - HOUR)).removed, 0);
  assert.equal((await purge(driver, AGE + HOUR)).removed, 1);
  assert.deepEqual(await driver.list(''), []);
});

test('a note without an upload goes when it is as old, and not before: it may be all that there is so far', async () => {
  const driver = createMemoryDriver();
  const { id } = newSession();
  await driver.write(uploadState(repository, id), Buffer.from('{}'));
  assert.equal((await purge(driver, AGE - HOUR)).removed, 0);
  assert.equal((await purge(driver, AGE + HOUR)).removed, 1);
  assert.deepEqual(await driver.list(''), []);
});

test('a session that is purged is forgotten by the process that remembered it', async () => {
  const driver = createMemoryDriver();
  const sessions = createStorageSessions(driver);
  const session = { ...newSession(), startedAt: new Date() };
  await sessions.create(session);
  await saveAlone({ sessions, locks: createLocks() }, session);
  await purge(driver, AGE + HOUR, { sessions });
  assert.equal(await sessions.find(repository, session.id), undefined);
});

test('content is not touched', async () => {
  const { driver } = await driverWithUpload();
  const layer = 'docker/registry/v2/repositories/some/app/_layers/sha256/x/link';
  await driver.write(layer, Buffer.from('sha256:'));
  await purge(driver, 10 * AGE);
  await driver.read(layer);
});

test('an upload that is being written to is waited for, and then stays', async () => {
  const { driver, session } = await driverWithUpload();
  const locks = createLocks();
  const writing = Promise.withResolvers<void>();
  const writer = locks.exclusive(session.id, () => writing.promise);
  let over = false;
  const purged = purge(driver, AGE - HOUR, { locks }).then((result) => {
    over = true;
    return result;
  });
  await new Promise(setImmediate);
  assert.equal(over, false);
  writing.resolve();
  await writer;
  assert.equal((await purged).kept, 1);
});
