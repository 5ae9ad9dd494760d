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
import type { Cleaner } from '../support/processes.ts';

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

/** Claims and saves a session as its only writer. */
export function saveAlone({ sessions, locks }: SessionsUnderTest, session: UploadSession): Promise<void> {
  return locks.exclusive(session.id, async (lease) => {
    await sessions.claim(session, lease);
    await sessions.save(session, lease);
  });
}

/**
 * Runs the suite on what `create` makes over a store.
 * @param openDriver makes an empty store, for one test
 */
export function sessionsSuite(
  name: string,
  create: (driver: StorageDriver) => SessionsUnderTest,
  openDriver: (cleaner: Cleaner) => Promise<StorageDriver> = async () => createMemoryDriver(),
): void {
  const open = async (cleaner: Cleaner) => {
    const driver = await openDriver(cleaner);
    return { driver, ...create(driver) };
  };

  test(`${name}: a session is found as it was created`, async (t) => {
    const { sessions } = await open(t);
    const session = newSession();
    await sessions.create(session);
    assert.deepEqual(await sessions.find(repository, session.id), session);
  });

  test(`${name}: a session that nobody created is not found`, async (t) => {
    const { sessions } = await open(t);
    await sessions.create(newSession());
    assert.equal(await sessions.find(repository, newSession().id), undefined);
  });

  test(`${name}: a session is found in its own repository alone`, async (t) => {
    const { sessions } = await open(t);
    const session = newSession();
    await sessions.create(session);
    for (const other of ['some', 'some/app/inner', 'other/app']) {
      assert.equal(await sessions.find(parseRepositoryName(other), session.id), undefined, other);
    }
  });

  test(`${name}: progress is kept, with what the driver has to remember and the digest so far`, async (t) => {
    const { driver, sessions, locks } = await open(t);
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

  test(`${name}: another instance over the same store knows the session as soon as it may have bytes`, async (t) => {
    const { driver, sessions, locks } = await open(t);
    const session = newSession();
    await sessions.create(session);
    await saveAlone({ sessions, locks }, session);
    assert.deepEqual(await create(driver).sessions.find(repository, session.id), session);
  });

  test(`${name}: a session that was removed is gone, with its bytes, and no other`, async (t) => {
    const { driver, sessions, locks } = await open(t);
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
    assert.deepEqual(await keysBelow(driver, ''), []);
  });
}

/** A directory that nothing is left in may stay for a while. */
async function keysBelow(driver: StorageDriver, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for (const { name, kind } of await driver.list(prefix)) {
    const key = prefix === '' ? name : `${prefix}/${name}`;
    keys.push(...(kind === 'object' ? [key] : await keysBelow(driver, key)));
  }
  return keys;
}
