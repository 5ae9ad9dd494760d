// Content by digest: no bytes are called by a digest that they do not have, whatever is in the store.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createContent } from '../../src/registry/content.ts';
import { parseDigest } from '../../src/registry/digest.ts';
import { blobData, blobVerdict } from '../../src/registry/layout.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { DriverError } from '../../storage-drivers/errors.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { algorithms, blobOf } from '../support/content.ts';

const bytes = Buffer.from('some content of a blob');
/** Of content that is shorter, nothing is noted. */
const long = Buffer.alloc(64 * 1024, 'long content of a blob ');

/** A memory driver that counts how often objects are opened. */
function createCountingDriver() {
  const inner = createMemoryDriver();
  const opened: string[] = [];
  const driver: StorageDriver = {
    ...inner,
    openRead: (key, range) => {
      opened.push(key);
      return inner.openRead(key, range);
    },
  };
  return { driver, opened };
}

/** One of a store that is too far away to be looked at for nothing, and what was read of it. */
function createFarDriver() {
  const { sight: _none, ...inner } = createMemoryDriver();
  const read: string[] = [];
  const driver: StorageDriver = {
    ...inner,
    read: (key) => {
      read.push(key);
      return inner.read(key);
    },
  };
  return { driver, read };
}

async function gathered(content: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content.slice();
}

for (const algorithm of algorithms) {
  const digest = parseDigest(blobOf(bytes, algorithm).digest);

  test(`${algorithm} content that was put is found, opened and read`, async () => {
    const content = createContent(createMemoryDriver());
    assert.equal(await content.find(digest), undefined);
    await content.put(digest, bytes);
    assert.deepEqual(await content.find(digest), { size: bytes.length });
    assert.ok(bytes.equals((await content.read(digest)) ?? Buffer.alloc(0)));
    const reader = await content.open(digest, { start: 5, end: 11 });
    assert.ok(reader);
    assert.equal(await gathered(reader.content), 'content');
  });

  test(`${algorithm} content that is small is read once from a store that is far away, and is right ever after`, async () => {
    const { driver, read } = createFarDriver();
    const content = createContent(driver);
    assert.equal(await content.read(digest), undefined, 'that it is not there is not remembered');
    await driver.write(blobData(digest), bytes);
    for (let count = 0; count < 3; count += 1) {
      assert.ok(bytes.equals((await content.read(digest)) ?? Buffer.alloc(0)));
      await driver.write(blobData(digest), Buffer.from('other bytes'));
    }
    assert.equal(read.length, 2);
    assert.equal(await createContent(driver).read(digest), undefined, 'others do not become right');
  });

  test(`${algorithm} content that is not small is read from the store each time`, async () => {
    const { driver, read } = createFarDriver();
    const large = Buffer.alloc(65 * 1024, 'large');
    const named = parseDigest(blobOf(large, algorithm).digest);
    const content = createContent(driver);
    await content.put(named, large);
    await content.read(named);
    await content.read(named);
    assert.equal(read.filter((key) => key === blobData(named)).length, 2);
  });

  test(`${algorithm} content that another server left is hashed once, and then known by its version`, async () => {
    const parsed = parseDigest(blobOf(long, algorithm).digest);
    const { driver, opened } = createCountingDriver();
    await driver.write(blobData(parsed), long);
    const content = createContent(driver);
    const [first, second] = await Promise.all([content.find(parsed), content.find(parsed)]);
    assert.deepEqual([first, second], [{ size: long.length }, { size: long.length }]);
    await content.find(parsed);
    assert.equal(opened.length, 1, 'once for all who ask at the same time, and for all who come later');
    const { version } = await driver.stat(blobData(parsed));
    assert.equal(Buffer.from(await driver.read(blobVerdict(parsed))).toString(), version);
    assert.deepEqual(await createContent(driver).find(parsed), { size: long.length });
    assert.equal(opened.length, 1, 'nor after a restart');
  });

  test(`${algorithm} content that is small is looked at again after a restart, and nothing is noted of it`, async () => {
    const { driver, opened } = createCountingDriver();
    await driver.write(blobData(digest), bytes);
    assert.deepEqual(await createContent(driver).find(digest), { size: bytes.length });
    assert.deepEqual(await createContent(driver).find(digest), { size: bytes.length });
    assert.equal(opened.length, 2);
    await assert.rejects(driver.read(blobVerdict(digest)), { code: 'keyNotFound' });
  });

  const damages: Readonly<Record<string, Buffer>> = {
    'cut to nothing': Buffer.alloc(0),
    'cut by half': bytes.subarray(0, 11),
    'a byte short': bytes.subarray(0, -1),
    'of the right length with other bytes': Buffer.from(bytes.toString().toUpperCase()),
    'a byte long': Buffer.concat([bytes, Buffer.from('!')]),
  };
  for (const [how, damaged] of Object.entries(damages)) {
    for (const wasKnown of [false, true]) {
      test(`${algorithm} content that is ${how}${wasKnown ? ' after it was known' : ''} is a miss, and putting it heals it`, async () => {
        const driver = createMemoryDriver();
        const content = createContent(driver);
        if (wasKnown) {
          await content.put(digest, bytes);
          assert.ok(await content.find(digest));
        }
        await driver.write(blobData(digest), damaged);
        assert.equal(await content.find(digest), undefined);
        assert.equal(await content.open(digest), undefined);
        assert.equal(await content.read(digest), undefined);
        await content.put(digest, bytes);
        assert.deepEqual(await content.find(digest), { size: bytes.length });
        assert.ok(bytes.equals((await content.read(digest)) ?? Buffer.alloc(0)));
      });
    }
  }

  test(`${algorithm} content of other bytes that nobody has looked at yet is a miss, and an upload heals it`, async () => {
    const driver = createMemoryDriver();
    const content = createContent(driver);
    await driver.write(blobData(digest), Buffer.from(bytes.toString().toUpperCase()));
    assert.equal(await content.find(digest), undefined);
    assert.equal(await content.open(digest), undefined);
    assert.equal(await content.read(digest), undefined);
    const write = await driver.append({ key: 'staged', size: 0 }, once(bytes));
    await content.admit(write, digest);
    assert.deepEqual(await content.find(digest), { size: bytes.length });
  });
}

const digest = parseDigest(blobOf(bytes).digest);
const noted = parseDigest(blobOf(long).digest);

test('a note of another version is not believed: the bytes are looked at', async () => {
  for (const note of ['', 'x', '-1', '9'.repeat(30)]) {
    const driver = createMemoryDriver();
    await driver.write(blobData(noted), long);
    await driver.write(blobVerdict(noted), Buffer.from(note));
    assert.deepEqual(await createContent(driver).find(noted), { size: long.length }, note);
    await driver.write(blobData(noted), Buffer.alloc(long.length, 'damaged'));
    await driver.write(blobVerdict(noted), Buffer.from(note));
    assert.equal(await createContent(driver).find(noted), undefined, note);
  }
});

test('a note that cannot be written fails nobody', async () => {
  const inner = createMemoryDriver();
  await inner.write(blobData(noted), long);
  const driver: StorageDriver = {
    ...inner,
    write: async (key) => {
      throw new DriverError('noSpace', { driver: 'memory', action: 'write', key });
    },
  };
  assert.deepEqual(await createContent(driver).find(noted), { size: long.length });
});

test('a store that fails is no miss', async () => {
  const inner = createMemoryDriver();
  const fail = async (key: string) => {
    throw new DriverError('failed', { driver: 'memory', action: 'test', key });
  };
  const content = createContent({ ...inner, stat: fail, openRead: fail, read: fail });
  for (const call of [content.find(digest), content.open(digest), content.read(digest)]) {
    await assert.rejects(call, DriverError);
  }
});

test('putting what is there already writes it no second time', async () => {
  const inner = createMemoryDriver();
  const written: string[] = [];
  const content = createContent({
    ...inner,
    write: (key, bytesToWrite, options) => {
      written.push(key);
      return inner.write(key, bytesToWrite, options);
    },
  });
  await content.put(digest, bytes);
  await content.put(digest, bytes);
  assert.equal(written.filter((key) => key === blobData(digest)).length, 1);
});

/** More than what is hashed before its first byte is given away. */
const LARGE = Buffer.alloc(17 * 1024 * 1024, 'large ');

test('large content that another server left is hashed while it is read, once', async () => {
  const { driver, opened } = createCountingDriver();
  const digest = parseDigest(blobOf(LARGE).digest);
  await driver.write(blobData(digest), LARGE);
  const presigning = { ...driver, presignRead: async () => 'https://store.example/' };
  const content = createContent(presigning);
  assert.deepEqual(
    await content.presign(digest, 60),
    {},
    'whoever is sent to the store hashes nothing for us',
  );
  const reader = await content.open(digest);
  assert.ok(reader);
  assert.equal(await gathered(reader.content), LARGE.toString());
  assert.deepEqual(await content.find(digest), { size: LARGE.length });
  assert.equal(opened.length, 1);
  assert.deepEqual(await content.presign(digest, 60), { url: 'https://store.example/' });
  assert.deepEqual(await createContent(driver).find(digest), { size: LARGE.length });
  assert.equal(opened.length, 1, 'it was noted');
});

test('large content that is wrong is never given away to its end, and is a miss afterwards', async () => {
  const driver = createMemoryDriver();
  const digest = parseDigest(blobOf(LARGE).digest);
  const damaged = Buffer.from(LARGE);
  damaged.write('other bytes', 1000);
  await driver.write(blobData(digest), damaged);
  const content = createContent(driver);
  const reader = await content.open(digest);
  assert.ok(reader);
  let received = 0;
  await assert.rejects(
    async () => {
      for await (const chunk of reader.content) received += chunk.length;
    },
    { name: 'ContentDamaged' },
  );
  assert.ok(received < LARGE.length);
  assert.equal(await content.open(digest), undefined);
  assert.equal(await content.find(digest), undefined);
  assert.equal(await content.presign(digest, 60), undefined);
});

test('a part of large content is given away only when all of it was seen to be right', async () => {
  const driver = createMemoryDriver();
  const digest = parseDigest(blobOf(LARGE).digest);
  await driver.write(blobData(digest), Buffer.concat([LARGE.subarray(0, -1), Buffer.from('!')]));
  assert.equal(await createContent(driver).open(digest, { start: 0, end: 4 }), undefined);
});
