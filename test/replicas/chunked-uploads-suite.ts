// One upload, every request of it at another server or process.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { type Algorithm, digestOf } from '../support/sample-image.ts';
import type { Several } from './agreement-suite.ts';

const MIB = 1024 * 1024;

export async function chunkedUploadsSuite(t: TestContext, replicas: Several): Promise<void> {
  const [first, second, third] = [replicas.at(0), replicas.at(1), replicas.at(2)];

  for (const algorithm of ['sha256', 'sha512'] satisfies Algorithm[]) {
    for (const sizes of [
      [3 * MIB, 5 * MIB, 1 * MIB],
      [1000, 1, 6 * MIB],
      [12 * MIB, 16 * MIB, 10],
    ]) {
      await t.test(`named by ${algorithm}, in chunks of ${sizes.join(', ')} bytes`, async () => {
        const parts = sizes.map((size) => randomBytes(size));
        const [one = Buffer.of(), two = Buffer.of(), last = Buffer.of()] = parts;
        const bytes = Buffer.concat(parts);
        const digest = digestOf(bytes, algorithm);
        const opened = await first.startUpload('demo/app');
        const begun = await second.appendChunk(opened, one, 0);
        const location = await third.appendChunk(begun, two, one.length);
        const status = await first.send('GET', location);
        assert.equal(status.status, 204);
        assert.equal(status.headers.get('range'), `0-${one.length + two.length - 1}`);
        await second.closeUpload(location, digest, last);
        for (const client of [first, second, third, replicas.balanced]) {
          assert.ok(Buffer.from(await client.getBlob('demo/app', digest)).equals(bytes), 'other bytes');
        }
      });
    }
  }

  await t.test('a hundred small chunks in turn, closed without a body', async () => {
    const bytes = randomBytes(100 * 1024);
    let location = await replicas.balanced.startUpload('demo/small');
    for (let offset = 0; offset < bytes.length; offset += 1024) {
      location = await replicas.balanced.appendChunk(location, bytes.subarray(offset, offset + 1024), offset);
    }
    await replicas.balanced.closeUpload(location, digestOf(bytes));
    assert.ok(Buffer.from(await first.getBlob('demo/small', digestOf(bytes))).equals(bytes), 'other bytes');
  });

  await t.test(
    'a chunk that another replica has taken already is refused, and told where to go on',
    async () => {
      const bytes = randomBytes(2000);
      const location = await first.appendChunk(
        await first.startUpload('demo/app'),
        bytes.subarray(0, 1000),
        0,
      );
      const headers = { 'content-type': 'application/octet-stream', 'content-range': '0-999' };
      const again = await second.send('PATCH', location, { headers, body: bytes.subarray(0, 1000) });
      assert.equal(again.status, 416);
      assert.equal(again.headers.get('range'), '0-999');
      await third.closeUpload(await third.appendChunk(location, bytes.subarray(1000), 1000), digestOf(bytes));
      assert.ok(Buffer.from(await first.getBlob('demo/app', digestOf(bytes))).equals(bytes), 'other bytes');
    },
  );

  await t.test('a wrong digest is refused wherever the bytes are, and ends the upload', async () => {
    const location = await first.appendChunk(await second.startUpload('demo/app'), randomBytes(MIB), 0);
    const wrong = digestOf(Buffer.from('something else'));
    const answer = await third.send('PUT', `${location}?digest=${wrong}`);
    assert.equal(answer.status, 400);
    assert.equal((await second.send('GET', location)).status, 404);
    assert.equal((await first.send('HEAD', `/v2/demo/app/blobs/${wrong}`)).status, 404);
  });

  await t.test('an upload that one replica was told to forget is unknown to the others', async () => {
    const location = await first.appendChunk(await second.startUpload('demo/app'), randomBytes(MIB), 0);
    assert.equal((await third.send('DELETE', location)).status, 204);
    assert.equal((await first.send('GET', location)).status, 404);
    assert.equal((await second.send('PATCH', location, { body: randomBytes(10) })).status, 404);
  });
}
