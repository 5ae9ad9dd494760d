// Two registries over one directory and one Redis are one registry.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { createFilesystemDriver } from '../../storage-drivers/filesystem/filesystem-driver.ts';
import { bytesOf } from '../support/answers.ts';
import { type Http, openRegistry } from '../support/app.ts';
import {
  algorithms,
  beginUpload,
  blobOf,
  manifestOf,
  pushImage,
  putManifest,
  withQuery,
} from '../support/content.ts';
import { coordinate, settingsOf } from '../support/redis-clients.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { temporaryDirectory } from '../support/service.ts';
import { whyNotHere } from '../support/system-packages.ts';

const ROUNDS = 10;

describe('two registries that share Redis', { skip: whyNotHere(['redis-server']) }, () => {
  for (const algorithm of algorithms) {
    test(`chunks that go to one after the other become a ${algorithm} blob`, async (t) => {
      const both = await openBoth(t);
      const location = await beginUpload(both[0], 'some/app');
      let size = 0;
      for (const [index, chunk] of ['01234', '56789', 'abc', 'de', 'f'].entries()) {
        const http = both[(index + 1) % 2] as Http;
        await http
          .patch(location)
          .set('Content-Range', `${size}-${size + chunk.length - 1}`)
          .send(chunk)
          .expect(202);
        size += chunk.length;
        const seen = await (both[index % 2] as Http).get(location).expect(204);
        assert.equal(seen.headers['range'], `0-${size - 1}`);
      }
      const { bytes, digest } = blobOf('0123456789abcdef', algorithm);
      await both[1].put(withQuery(location, `digest=${digest}`)).expect(201);
      for (const http of both) {
        const pulled = await http.get(`/v2/some/app/blobs/${digest}`).expect(200);
        assert.deepEqual(bytesOf(pulled), bytes);
        await http.get(location).expect(404);
      }
    });
  }

  test('of two writers at the same place of one upload one goes on, and the other hears where it stands', async (t) => {
    const both = await openBoth(t);
    for (let round = 0; round < ROUNDS; round += 1) {
      const location = await beginUpload(both[0], 'some/app');
      const texts = ['first', 'other'] as const;
      const answers = await Promise.all(
        texts.map((text, index) =>
          (both[index] as Http).patch(location).set('Content-Range', '0-4').send(text),
        ),
      );
      const statuses = answers.map(({ status }) => status);
      assert.deepEqual(statuses.toSorted(), [202, 416]);
      assert.equal(answers[statuses.indexOf(416)]?.headers['range'], '0-4');
      const { digest } = blobOf(texts[statuses.indexOf(202)] ?? '');
      const ended = await Promise.all(both.map((http) => http.put(withQuery(location, `digest=${digest}`))));
      assert.deepEqual(ended.map(({ status }) => status).toSorted(), [201, 404]);
    }
  });

  test('a delete and a push of the same blob end with one of them whole', async (t) => {
    const both = await openBoth(t);
    for (let round = 0; round < ROUNDS; round += 1) {
      const name = `some/app${round}`;
      const { layer } = await pushImage(both[0], name, 'digest');
      const manifest = manifestOf({
        layers: [Buffer.from('a layer')],
        fields: { annotations: { round: `${round}` } },
      });
      const [deleted, pushed] = await Promise.all([
        both[0].delete(`/v2/${name}/blobs/${layer}`),
        putManifest(both[1], name, 'latest', manifest),
      ]);
      assert.equal(deleted.status, 202);
      assert.ok([201, 400].includes(pushed.status), `${pushed.status}`);
      for (const http of both) {
        await http.get(`/v2/${name}/manifests/latest`).expect(pushed.status === 201 ? 200 : 404);
        await http.head(`/v2/${name}/blobs/${layer}`).expect(404);
      }
    }
  });

  test('two pushes of one tag end with one of them whole, seen so by both', async (t) => {
    const both = await openBoth(t);
    await pushImage(both[0], 'some/app', 'digest');
    const manifests = ['one', 'two'].map((text) => manifestOf({ fields: { annotations: { text } } }));
    for (let round = 0; round < ROUNDS; round += 1) {
      const pushes = manifests.map((bytes, index) =>
        putManifest(both[index] as Http, 'some/app', 'latest', bytes),
      );
      for (const { status } of await Promise.all(pushes)) assert.equal(status, 201);
      const seen = await Promise.all(
        both.map((http) => http.get('/v2/some/app/manifests/latest').expect(200)),
      );
      const [first, second] = seen.map((answer) => bytesOf(answer).toString());
      assert.equal(first, second);
      assert.ok(manifests.some((bytes) => bytes.toString() === first));
    }
  });

  test('of two pushes that want the tag to be new, one gets it', async (t) => {
    const both = await openBoth(t);
    await pushImage(both[0], 'some/app', 'digest');
    for (let round = 0; round < ROUNDS; round += 1) {
      const pushes = both.map((http, index) =>
        putManifest(
          http,
          'some/app',
          `v${round}`,
          manifestOf({ fields: { annotations: { index: `${index}` } } }),
        ).set('If-None-Match', '*'),
      );
      const statuses = (await Promise.all(pushes)).map(({ status }) => status);
      assert.deepEqual(statuses.toSorted(), [201, 412]);
    }
  });
});

async function openBoth(t: TestContext): Promise<readonly [Http, Http]> {
  const redis = await startRedisServer(t);
  const rootDirectory = await temporaryDirectory(t);
  const open = async () => {
    const driver = await createFilesystemDriver({ rootDirectory });
    const coordination = await coordinate(t, driver, settingsOf([redis.port]));
    return (await openRegistry(t, { driver, coordination })).http;
  };
  return [await open(), await open()];
}
