// What every adapter of the sessions port has to do (src/registry/sessions.ts).
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { parseDigest } from '../../src/registry/digest.ts';
import { uploadData } from '../../src/registry/layout.ts';
import type { Locks } from '../../src/registry/locks.ts';
import { parseRepositoryName } from '../../src/registry/name.ts';
import { parseSessionId, type UploadSession, type UploadSessions } from '../../src/registry/sessions.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { blobOf } from '../support/content.ts';

export const repository = parseRepositoryName('some/app');

export function newSession(name = repository): UploadSession {
  const id = parseSessionId(randomUUID());
  const startedAt = new Date('2026-11-20T12:00:00Z');
  return { id, repository: name, startedAt, write: { key: uploadData(name, id), size: 0 } };
}

/** An adapter, and the locks that its sessions are saved under. */
export interface SessionsUnderTest {
  readonly sessions: UploadSessions;
  readonly locks: Locks;
}

/** Saves a session as its only writer. */
export function saveAlone({ sessions, locks }: SessionsUnderTest, session: UploadSession): Promise<void> {
  return locks.exclusive(session.id, (lease) => sessions.save(session, lease));
}

/** Runs the suite on what `create` makes over a store. */
export function sessionsSuite(name: string, create: (driver: StorageDriver) => SessionsUnderTest): void {
  const open = () => {
    const driver = createMemoryDriver();
    return { driver, ...create(driver) };
  };

  test(`${name}: a session is found as it was created`, async () => {
    const { sessions } = open();
    const session = newSession();
    await sessions.create(session);
    assert.deepEqual(await sessions.find(repository, session.id), session);
  });

  test(`${name}: a session that nobody created is not found`, async () => {
    const { sessions } = open();
    await sessions.create(newSession());
    assert.equal(await sessions.find(repository, newSession().id), undefined);
  });

  test(`${name}: a session is found in its own repository alone`, async () => {
    const { sessions } = open();
    const session = newSession();
    await sessions.create(session);
    for (const other of ['some', 'some/app/inner', 'other/app']) {
      assert.equal(await sessions.find(parseRepositoryName(other), session.id), undefined, other);
    }
  });

  test(`${name}: progress is kept, with what the driver has to remember and the digest so far`, async () => {
    const { driver, sessions, locks } = open();
    const session = newSession();
    await sessions.create(session);
    async function* content() {
      yield Buffer.from('01234');
    }
    const write = await driver.append(session.write, content());
    const detail = { parts: ['one', { number: 2 }], upload: null };
    const digest = parseDigest(blobOf('01234').digest);
    const saved = { ...session, write: { ...write, detail }, digest };
    await saveAlone({ sessions, locks }, saved);
    assert.deepEqual(await sessions.find(repository, session.id), saved);
    const { digest: _, ...without } = saved;
    await saveAlone({ sessions, locks }, without);
    assert.deepEqual(await sessions.find(repository, session.id), without, 'an older digest does not stay');
  });

  test(`${name}: another instance over the same store knows the session too`, async () => {
    const { driver, sessions } = open();
    const session = newSession();
    await sessions.create(session);
    assert.deepEqual(await create(driver).sessions.find(repository, session.id), session);
  });

  test(`${name}: a session that was removed is gone, with its bytes, and no other`, async () => {
    const { driver, sessions, locks } = open();
    const [gone, stays] = [newSession(), newSession()];
    for (const session of [gone, stays]) {
      await sessions.create(session);
      await saveAlone({ sessions, locks }, session);
    }
    await sessions.remove(gone);
    assert.equal(await sessions.find(repository, gone.id), undefined);
    assert.deepEqual(await sessions.find(repository, stays.id), stays);
    await sessions.remove(gone);
    await sessions.remove(stays);
    assert.deepEqual(await driver.list(''), []);
  });
}
