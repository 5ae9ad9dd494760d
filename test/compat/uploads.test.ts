// Uploads that one server began and the other ends. The Location carries a token signed with http.secret (`_state`), which
// docker-registry insists on.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { digestOf } from '../support/sample-image.ts';
import { createSharedDirectory, directions, type Server, skip } from './shared-directory.ts';

const PART = 100_001;
const content = randomBytes(3 * PART);
const digest = digestOf(content);
const part = (number: number) => content.subarray(number * PART, (number + 1) * PART);

for (const [first, second] of directions) {
  test(`an upload that ${first} opened is written and closed by ${second}`, { skip }, async (t) => {
    const shared = await createSharedDirectory(t);
    const opened = await shared.serve(first, (client) => client.startUpload('handed/over'));
    await shared.serve(second, async (client) => {
      const location = await client.appendChunk(opened, content, 0);
      await client.closeUpload(location, digest);
      assert.deepEqual(await client.getBlob('handed/over', digest), new Uint8Array(content));
    });
  });

  test(`an upload goes from ${first} to ${second} and back, a chunk by each`, { skip }, async (t) => {
    const shared = await createSharedDirectory(t);
    let location = await shared.serve(first, async (client) => {
      const opened = await client.startUpload('handed/over');
      return client.appendChunk(opened, part(0), 0);
    });
    location = await shared.serve(second, async (client) => {
      const status = await client.send('GET', location);
      assert.equal(status.status, 204);
      assert.equal(status.headers.get('range'), `0-${PART - 1}`);
      return client.appendChunk(location, part(1), PART);
    });
    location = await shared.serve(first, async (client) => {
      const next = await client.appendChunk(location, part(2), 2 * PART);
      await client.closeUpload(next, digest);
      return next;
    });
    for (const server of [first, second]) {
      await shared.serve(server, async (client) => {
        assert.deepEqual(await client.getBlob('handed/over', digest), new Uint8Array(content));
        assert.equal((await client.send('GET', location)).status, 404, 'the upload is over');
      });
    }
  });

  test(`an upload with all of its bytes, begun by ${first}, is closed by ${second}`, { skip }, async (t) => {
    const shared = await createSharedDirectory(t);
    const written = await shared.serve(first, async (client) =>
      client.appendChunk(await client.startUpload('handed/over'), content, 0),
    );
    await shared.serve(second, async (client) => {
      await client.closeUpload(written, digest);
      assert.deepEqual(await client.getBlob('handed/over', digest), new Uint8Array(content));
    });
  });

  test(`an upload of ${first} whose bytes are not those of its digest is refused by ${second}`, {
    skip,
  }, async (t) => {
    const shared = await createSharedDirectory(t);
    const written = await shared.serve(first, async (client) =>
      client.appendChunk(await client.startUpload('handed/over'), part(0), 0),
    );
    await shared.serve(second, async (client) => {
      const answer = await client.send('PUT', `${written}&digest=${digest}`);
      assert.equal(answer.status, 400);
      assert.equal((await client.send('GET', `/v2/handed/over/blobs/${digest}`)).status, 404);
    });
  });
}

test('an upload location of either server carries the token that the other checks', { skip }, async (t) => {
  const shared = await createSharedDirectory(t);
  for (const server of ['berth', 'docker-registry'] satisfies Server[]) {
    const location = await shared.serve(server, (client) => client.startUpload('handed/over'));
    const token = new URL(location, 'http://any').searchParams.get('_state') ?? '';
    const state = Buffer.from(token, 'base64url').subarray(32).toString();
    assert.match(state, /^\{"Name":"handed\/over","UUID":"[0-9a-f-]{36}","Offset":0,"StartedAt":"/, server);
  }
});
