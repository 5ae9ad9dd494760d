// Staged writes on S3: how the bytes get there, how many requests that takes, and what is left when it breaks off.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { createCheckedDriver } from '../../storage-drivers/checked.ts';
import { newStagedWrite } from '../../storage-drivers/driver.ts';
import { createS3Driver } from '../../storage-drivers/s3/s3-driver.ts';
import type { S3Settings } from '../../storage-drivers/s3/settings.ts';
import { startRecordingProxy } from '../support/recording-proxy.ts';
import { settingsFor, startS3Store, whyNoS3Store } from '../support/s3-store.ts';
import {
  bytes,
  chunksOf,
  equalBytes,
  failingAfter,
  gather,
  MIB,
  noChunks,
  pattern,
  revived,
} from './content.ts';

const reason = whyNoS3Store();
const STAGED = 'uploads/1/data';
const TARGET = 'blobs/target';

if (reason !== false) {
  test('staged writes on S3', { skip: reason }, () => {});
} else {
  const store = await startS3Store({ after });
  const client = store.client();

  const openBucket = async () => {
    const bucket = await store.createBucket();
    const open = async (more: Partial<S3Settings> = {}) =>
      createCheckedDriver(await createS3Driver(settingsFor(store, { bucket, ...more })));
    const leftovers = async () => {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      return { keys: Contents.map(({ Key }) => Key), uploads: Uploads.map(({ Key }) => Key) };
    };
    return { open, leftovers };
  };

  test('a thousand chunks of 1 KiB make an object, and each is sent once and merged at most twice', async (context) => {
    const { open } = await openBucket();
    const proxy = await startRecordingProxy(store.port, context);
    const driver = await open({ regionendpoint: `http://127.0.0.1:${proxy.port}` });
    const content = pattern(1000 * 1024);
    let write = newStagedWrite(STAGED);
    for (let start = 0; start < content.length; start += 1024) {
      write = await driver.append(write, chunksOf(content.subarray(start, start + 1024)));
    }
    const puts = proxy.take().filter(({ method }) => method === 'PUT');
    const sent = puts.reduce((sum, exchange) => sum + exchange.sent, 0);
    assert.equal(puts.length, 1000);
    assert.ok(sent < 3 * content.length, `${sent} bytes`);
    assert.ok(JSON.stringify(write.detail).length < 4096);
    await driver.commit(write, TARGET);
    assert.ok(equalBytes(await driver.read(TARGET), content));
    assert.deepEqual(await driver.list('uploads'), []);
  });

  test('few bytes that the write may hold become an object in one request, and leave nothing', async (context) => {
    const { open, leftovers } = await openBucket();
    const proxy = await startRecordingProxy(store.port, context);
    const driver = await open({ regionendpoint: `http://127.0.0.1:${proxy.port}` });
    proxy.take();
    const content = pattern(10_000);
    const write = await driver.append(newStagedWrite(STAGED, undefined, 10_000), chunksOf(content));
    assert.deepEqual(proxy.take(), []);
    assert.deepEqual(await driver.commit(revived(write), TARGET, { seal: 'seen' }), { isKept: true });
    assert.deepEqual(
      proxy.take().map(({ method }) => method),
      ['PUT'],
    );
    assert.ok(equalBytes(await driver.read(TARGET), content));
    assert.equal((await driver.stat(TARGET)).seal, 'seen');
    const { uploads } = await leftovers();
    assert.deepEqual(uploads, []);
  });

  test('chunks below and above 5 MiB, one after the other, make an object', async () => {
    const { open, leftovers } = await openBucket();
    for (const target of [undefined, TARGET]) {
      const driver = await open();
      const lengths = [1, 4 * MIB, 2 * MIB, 3, 17 * MIB, 9, 6 * MIB, 100, 5 * MIB - 1, 21 * MIB, 7];
      const content = pattern(lengths.reduce((sum, length) => sum + length));
      let write = newStagedWrite(STAGED, target);
      for (const length of lengths) {
        const next = await open();
        const piece = content.subarray(write.size, write.size + length);
        write = revived(await next.append(write, chunksOf(piece)));
      }
      await driver.commit(write, TARGET);
      assert.ok(equalBytes(await gather(await driver.openRead(TARGET)), content));
      assert.deepEqual(await leftovers(), { keys: [TARGET], uploads: [] });
      await driver.delete(TARGET);
    }
  });

  test('an upload of more than ten parts is whole, is read back before the commit, and is copied once', async (context) => {
    const { open, leftovers } = await openBucket();
    const proxy = await startRecordingProxy(store.port, context);
    const driver = await open({ regionendpoint: `http://127.0.0.1:${proxy.port}`, chunksize: 5 * MIB });
    const content = pattern(64 * MIB + 123);
    const write = await driver.append(newStagedWrite(STAGED), chunksOf(content, MIB - 1));
    assert.ok(equalBytes(await gather(await driver.openStaged(write)), content));
    proxy.take();
    await driver.commit(write, TARGET);
    assert.ok(proxy.take().every(({ sent }) => sent < 2048));
    assert.ok(equalBytes(await gather(await driver.openRead(TARGET)), content));
    assert.deepEqual(await leftovers(), { keys: [TARGET], uploads: [] });
  });

  test('a long object is copied in parts', async () => {
    const { open, leftovers } = await openBucket();
    const driver = await open({ multipartcopythresholdsize: 10 * MIB, multipartcopychunksize: 10 * MIB });
    const content = pattern(31 * MIB + 1);
    const write = await driver.append(newStagedWrite(STAGED), chunksOf(content));
    await driver.commit(write, TARGET);
    assert.match((await driver.stat(TARGET)).version, /^[0-9a-f]{32}-4-/);
    assert.ok(equalBytes(await gather(await driver.openRead(TARGET)), content));
    assert.deepEqual(await leftovers(), { keys: [TARGET], uploads: [] });
  });

  test('a write with a target needs no copy, and is not seen before the commit', async (context) => {
    const { open, leftovers } = await openBucket();
    const proxy = await startRecordingProxy(store.port, context);
    const driver = await open({ regionendpoint: `http://127.0.0.1:${proxy.port}`, chunksize: 5 * MIB });
    const content = pattern(23 * MIB);
    proxy.take();
    const write = await driver.append(newStagedWrite(STAGED, TARGET), chunksOf(content));
    await assert.rejects(driver.stat(TARGET), { code: 'keyNotFound' });
    await assert.rejects(driver.openStaged(write), { code: 'failed' });
    await assert.rejects(driver.commit(write, 'blobs/other'), { code: 'failed' });
    await (await open()).commit(revived(write), TARGET);
    const sent = proxy.take().reduce((sum, exchange) => sum + exchange.sent, 0);
    assert.ok(sent < content.length + 8192, `${sent} bytes were sent`);
    assert.ok(equalBytes(await gather(await driver.openRead(TARGET)), content));
    assert.deepEqual(await leftovers(), { keys: [TARGET], uploads: [] });
  });

  test('a commit to a target that was aborted is refused, also where the target exists', async () => {
    const { open } = await openBucket();
    const driver = await open({ chunksize: 5 * MIB });
    await driver.write(TARGET, bytes('of somebody else'));
    const write = await driver.append(newStagedWrite(STAGED, TARGET), chunksOf(pattern(20 * MIB)));
    await driver.delete('uploads/1');
    await assert.rejects(driver.commit(write, TARGET), { code: 'keyNotFound' });
    await assert.rejects(driver.append(write, chunksOf(bytes('x'))), { code: 'keyNotFound' });
    assert.equal(Buffer.from(await driver.read(TARGET)).toString(), 'of somebody else');
  });

  test('two writes with the same target end with the last one whole, and both are committed', async () => {
    const { open, leftovers } = await openBucket();
    const driver = await open({ chunksize: 5 * MIB });
    const contents = [pattern(20 * MIB, 1), pattern(21 * MIB, 2)];
    await Promise.all(
      contents.map(async (content, index) => {
        const write = await driver.append(newStagedWrite(`uploads/${index}/data`, TARGET), chunksOf(content));
        await driver.commit(write, TARGET);
      }),
    );
    const winner = await gather(await driver.openRead(TARGET));
    assert.ok(contents.some((content) => equalBytes(content, winner)));
    assert.deepEqual(await leftovers(), { keys: [TARGET], uploads: [] });
  });

  test('an append that fails leaves nothing behind', async () => {
    const { open, leftovers } = await openBucket();
    const driver = await open({ chunksize: 5 * MIB });
    const error = new Error('the client went away');
    for (const target of [undefined, TARGET]) {
      const attempt = driver.append(newStagedWrite(STAGED, target), failingAfter(pattern(22 * MIB), error));
      await assert.rejects(attempt, error);
      assert.deepEqual(await leftovers(), { keys: [], uploads: [] });
    }
  });

  test('what a killed process leaves can be seen, and goes with the staged key', async () => {
    const { open, leftovers } = await openBucket();
    const driver = await open({ chunksize: 5 * MIB });
    for (const target of [undefined, TARGET]) {
      // As if the process ended after the first of these, and during the second.
      await driver.append(newStagedWrite(STAGED, target), chunksOf(pattern(22 * MIB)));
      let resume = () => {};
      const stalled = async function* () {
        yield pattern(22 * MIB);
        await new Promise<void>((resolve) => {
          resume = resolve;
        });
      };
      const killed = Promise.allSettled([driver.append(newStagedWrite(STAGED, target), stalled())]);
      await until(async () => (await leftovers()).uploads.length > (target === undefined ? 0 : 1));
      assert.deepEqual(await driver.list('uploads/1'), [{ name: 'data', kind: 'prefix' }]);
      assert.ok((await driver.list('uploads/1/data')).every(({ kind }) => kind === 'object'));
      await driver.delete('uploads/1');
      assert.deepEqual(await leftovers(), { keys: [], uploads: [] });
      resume();
      assert.equal((await killed)[0].status, 'rejected');
      assert.deepEqual(await leftovers(), { keys: [], uploads: [] });
    }
  });

  test('an aborted write with a target leaves nothing behind, whoever aborts it', async () => {
    const { open, leftovers } = await openBucket();
    const driver = await open({ chunksize: 5 * MIB });
    const write = await driver.append(newStagedWrite(STAGED, TARGET), chunksOf(pattern(22 * MIB)));
    await driver.abort({ key: STAGED, size: 0 });
    assert.deepEqual(await leftovers(), { keys: [], uploads: [] });
    await driver.abort(write);
    await assert.rejects(driver.append(write, noChunks()), { code: 'keyNotFound' });
  });

  test('a target that is not a key is refused', async () => {
    const driver = await (await openBucket()).open();
    for (const target of ['', '../other', '/blobs', 'a//b']) {
      await assert.rejects(driver.append({ key: STAGED, size: 0, target }, noChunks()), {
        code: 'invalidKey',
      });
    }
  });

  test('a detail that was not made here is not believed', async () => {
    const { open } = await openBucket();
    const driver = await open();
    const hostile = [
      { pieces: [['../../blobs', 5, 0]], stale: [] },
      { pieces: 'x' },
      [],
      5,
      { pieces: [], stale: ['../x'] },
    ];
    for (const detail of hostile) {
      const write = { key: STAGED, size: 5, detail };
      await assert.rejects(driver.commit(write, TARGET), { code: 'keyNotFound' });
      await assert.rejects(driver.append(write, noChunks()), { code: 'keyNotFound' });
    }
  });
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}
