// What is particular to a bucket: the order of its keys, URLs that it signs, and what others keep in it.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { createCheckedDriver } from '../../storage-drivers/checked.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { createS3Driver } from '../../storage-drivers/s3/s3-driver.ts';
import type { S3Settings } from '../../storage-drivers/s3/settings.ts';
import { createRandom } from '../crash/random.ts';
import { settingsFor, startS3Store, whyNoS3Store } from '../support/s3-store.ts';
import { bytes, equalBytes, pattern } from './content.ts';

const reason = whyNoS3Store();

if (reason !== false) {
  test('a bucket', { skip: reason }, () => {});
} else {
  const store = await startS3Store({ after });
  const client = store.client();
  const bucket = await store.createBucket();
  const open = async (more: Partial<S3Settings> = {}) =>
    createCheckedDriver(await createS3Driver(settingsFor(store, { bucket, ...more })));

  test('lists of names with dashes and dots are those of the memory driver, page by page', async () => {
    const driver = await open({ rootdirectory: '/lists' });
    const model = createMemoryDriver();
    const random = createRandom(7);
    const names = Array.from({ length: 160 }, () => {
      const length = random.integer(1, 5);
      return Array.from({ length }, () => random.pick(['a', 'a', 'b', '-', '.', '0']) ?? 'a').join('');
    }).filter((name) => !name.startsWith('.'));
    for (const [index, name] of [...new Set(names)].entries()) {
      const key = index % 3 === 0 ? `l/${name}` : `l/${name}/current/link`;
      await model.write(key, bytes('x'));
      await driver.write(key, bytes('x'));
    }
    assert.deepEqual(await driver.list('l'), await model.list('l'));
    const afters = [undefined, 'a', 'a-', 'a.', 'a.a', 'a-a-', 'b', 'aa0', ...names.slice(0, 30)];
    for (const after of afters) {
      for (const limit of [1, 2, 3, 7, 40]) {
        const options = after === undefined ? { limit } : { after, limit };
        assert.deepEqual(
          await driver.list('l', options),
          await model.list('l', options),
          `${after} ${limit}`,
        );
      }
    }
  });

  test('more keys than one answer holds are listed and deleted', async () => {
    const driver = await open({ rootdirectory: '/many' });
    const names = Array.from({ length: 1100 }, (_, index) => `v1.${String(index).padStart(4, '0')}`);
    for (let start = 0; start < names.length; start += 50) {
      await Promise.all(
        names.slice(start, start + 50).map((name) => driver.write(`tags/${name}`, bytes('x'))),
      );
    }
    await driver.write('tags/v1/current/link', bytes('after all of them in the order of the store'));
    assert.deepEqual(
      (await driver.list('tags')).map(({ name }) => name),
      ['v1', ...names],
    );
    assert.deepEqual(
      (await driver.list('tags', { limit: 2 })).map(({ name }) => name),
      ['v1', 'v1.0000'],
    );
    await driver.write('tags-not', bytes('spared'));
    await driver.delete('tags');
    assert.deepEqual(await driver.list(''), [{ name: 'tags-not', kind: 'object' }]);
  });

  test('keys that end in a slash are nobody and go with their prefix', async () => {
    const driver = await open({ rootdirectory: 'marked' });
    const Body = new Uint8Array(0);
    for (const Key of ['marked/', 'marked/a/', 'marked/a/b/']) {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
    }
    await driver.write('a/c', bytes('x'));
    assert.deepEqual(await driver.list(''), [{ name: 'a', kind: 'prefix' }]);
    assert.ok((await driver.list('a')).some(({ name }) => name === 'c'));
    await driver.delete('a');
    assert.deepEqual(await driver.list(''), []);
  });

  test('uploads that the registry image never finished end with their prefix, and no others', async () => {
    const driver = await open({ rootdirectory: '/image' });
    const uploadOn = async (Key: string) => {
      const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key }));
      await client.send(
        new UploadPartCommand({ Bucket: bucket, Key, UploadId, PartNumber: 1, Body: bytes('x') }),
      );
    };
    await uploadOn('image/_uploads/1/data');
    await uploadOn('image/_uploads/11/data');
    await driver.write('_uploads/1/startedat', bytes('2026-11-20T14:51:57Z'));
    await driver.delete('_uploads/1');
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    assert.deepEqual(
      Uploads.map(({ Key }) => Key),
      ['image/_uploads/11/data'],
    );
  });

  test('objects are where the registry image looks for them, and what they are', async () => {
    const driver = await open({ rootdirectory: '/var/lib/registry/', storageclass: 'NONE' });
    await driver.write('docker/registry/v2/x/link', bytes('x'));
    const Key = 'var/lib/registry/docker/registry/v2/x/link';
    const found = await client.send(new HeadObjectCommand({ Bucket: bucket, Key }));
    assert.equal(found.ContentType, 'application/octet-stream');
  });

  test('a presigned URL gives the object, whole or in part, to anybody', async () => {
    const driver = await open({ rootdirectory: '/signed' });
    const content = pattern(100_000);
    await driver.write('blobs/data', content);
    const url = await driver.presignRead?.('blobs/data', { seconds: 60 });
    assert.ok(url !== undefined);
    assert.equal(new URL(url).searchParams.get('X-Amz-Expires'), '60');
    const whole = await fetch(url);
    assert.equal(whole.status, 200);
    assert.ok(equalBytes(new Uint8Array(await whole.arrayBuffer()), content));
    const part = await fetch(url, { headers: { range: 'bytes=10-19' } });
    assert.equal(part.status, 206);
    assert.ok(equalBytes(new Uint8Array(await part.arrayBuffer()), content.subarray(10, 20)));
    assert.equal((await fetch(url.replace('blobs/data', 'blobs/other'))).status, 403);
    assert.equal((await fetch(url, { method: 'DELETE' })).status, 403);
  });

  test('a presigned URL names the endpoint that clients reach', async () => {
    const driver = await open({ redirectendpoint: `http://localhost:${store.port}` });
    await driver.write('shown', bytes('to others'));
    const url = (await driver.presignRead?.('shown', { seconds: 60 })) ?? '';
    assert.equal(new URL(url).host, `localhost:${store.port}`);
    assert.equal(await (await fetch(url)).text(), 'to others');
  });
}
