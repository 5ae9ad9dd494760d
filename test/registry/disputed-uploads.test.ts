// Uploads that a writer without its lock may still add to: what becomes the blob is a copy.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { digestOf } from '../../src/registry/digest.ts';
import { blobData, uploadData } from '../../src/registry/layout.ts';
import { createLocks } from '../../src/registry/locks.ts';
import { parseRepositoryName } from '../../src/registry/name.ts';
import type { UploadSessions } from '../../src/registry/sessions.ts';
import { createUploads } from '../../src/registry/uploads.ts';
import { createStorageSessions } from '../../src/sessions/storage.ts';
import { createFilesystemDriver } from '../../storage-drivers/filesystem/filesystem-driver.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { temporaryDirectory } from '../support/service.ts';

const repository = parseRepositoryName('app');
/** More than the buffers of a reader hold at once. */
const SIZE = 24 * 1024 * 1024 + 11;

test('a disputed upload becomes a blob of exactly its bytes, whatever is written to it later', async (t) => {
  const root = await temporaryDirectory(t);
  const driver = await createFilesystemDriver({ rootDirectory: root });
  const uploads = createUploads({
    driver,
    sessions: disputing(createStorageSessions(driver)),
    blobs: { admit: async (_name, digest, write) => void (await driver.commit(write, blobData(digest))) },
    locks: createLocks(),
  });
  const bytes = randomBytes(SIZE);
  const digest = digestOf(bytes, 'sha256');
  const { id } = await uploads.begin(repository);
  await uploads.append(repository, id, { body: inPieces(bytes) });
  await uploads.finish(repository, id, digest);
  assert.equal(digestOf(await driver.read(blobData(digest)), 'sha256'), digest);
  await assert.rejects(appendFile(join(root, uploadData(repository, id)), 'late', { flag: 'r+' }), {
    code: 'ENOENT',
  });
});

test('a disputed upload of other bytes is refused, and leaves no blob', async (t) => {
  const driver = await createFilesystemDriver({ rootDirectory: await temporaryDirectory(t) });
  const uploads = createUploads({
    driver,
    sessions: disputing(createStorageSessions(driver)),
    blobs: { admit: async (_name, digest, write) => void (await driver.commit(write, blobData(digest))) },
    locks: createLocks(),
  });
  const { id } = await uploads.begin(repository);
  await uploads.append(repository, id, { body: inPieces(Buffer.from('these')) });
  const digest = digestOf(Buffer.from('those'), 'sha256');
  await assert.rejects(uploads.finish(repository, id, digest), { reason: 'digestMismatch' });
  await assert.rejects(driver.stat(blobData(digest)), { code: 'keyNotFound' });
});

test('a writer that has lost its session stops in the middle of the body', async () => {
  const driver = createMemoryDriver();
  let isLost = false;
  const lease = { token: 'mine', confirm: async () => undefined, isLost: () => isLost };
  const uploads = createUploads({
    driver,
    sessions: createStorageSessions(driver),
    blobs: { admit: async () => assert.fail('a blob') },
    locks: { shared: (_name, work) => work(lease), exclusive: (_name, work) => work(lease) },
  });
  const { id } = await uploads.begin(repository);
  async function* body() {
    yield Buffer.from('first');
    isLost = true;
    yield Buffer.from('second');
    assert.fail('nobody asks for more');
  }
  await assert.rejects(uploads.append(repository, id, { body: body() }), { reason: 'bodyIncomplete' });
  assert.equal((await uploads.status(repository, id)).size, 5);
});

function disputing(sessions: UploadSessions): UploadSessions {
  return {
    ...sessions,
    async find(name, id) {
      const session = await sessions.find(name, id);
      return session && { ...session, disputed: true };
    },
  };
}

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += 65_536) yield bytes.subarray(start, start + 65_536);
}
