// What all servers, or processes of one server, have to agree on: what one was told, the next request at any other knows.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { EMPTY_CONFIG, manifestOf } from '../support/content.ts';
import type { RegistryClient } from '../support/registry-client.ts';
import { digestOf, makeImage, mediaTypes } from '../support/sample-image.ts';

/** Three or more that answer for one store. */
export interface Several {
  readonly count: number;
  /** A client of one of them, counted from 0. */
  at(number: number): RegistryClient;
  /** A client that reaches any of them. */
  readonly balanced: RegistryClient;
}

const ROUNDS = 12;
const RACES = 10;

export async function agreementSuite(t: TestContext, replicas: Several): Promise<void> {
  const images = [makeImage('one'), makeImage('another')] as const;
  for (const image of images) await replicas.at(0).pushImage('demo/app', image);

  await t.test('a tag that was moved is moved everywhere', async () => {
    await inTurn(replicas, async (writer, others, round) => {
      const { manifest, descriptor } = images[round % 2] ?? images[0];
      await writer.putManifest('demo/app', 'moving', manifest, descriptor.mediaType);
      for (const reader of others) {
        assert.equal((await reader.getManifest('demo/app', 'moving')).digest, descriptor.digest);
      }
    });
  });

  await t.test('a tag that was made or deleted is so everywhere', async () => {
    const { manifest, descriptor } = images[0];
    await inTurn(replicas, async (writer, others, round) => {
      const path = `/v2/demo/app/manifests/tag-${round}`;
      await writer.putManifest('demo/app', `tag-${round}`, manifest, descriptor.mediaType);
      for (const reader of others) {
        assert.ok((await reader.listTags('demo/app')).includes(`tag-${round}`));
      }
      assert.equal((await writer.send('DELETE', path)).status, 202);
      for (const reader of others) {
        assert.equal((await reader.send('HEAD', path)).status, 404);
        assert.ok(!(await reader.listTags('demo/app')).includes(`tag-${round}`));
      }
    });
  });

  await t.test('a manifest that was deleted is gone everywhere, with its tag, and comes back', async () => {
    const image = makeImage('deleted again and again');
    const path = `/v2/demo/deleted/manifests/${image.descriptor.digest}`;
    await inTurn(replicas, async (writer, others) => {
      await writer.pushImage('demo/deleted', image, 'tag');
      for (const reader of others) assert.equal((await reader.send('HEAD', path)).status, 200);
      assert.equal((await writer.send('DELETE', path)).status, 202);
      for (const reader of others) {
        assert.equal((await reader.send('HEAD', path)).status, 404);
        assert.equal((await reader.send('GET', '/v2/demo/deleted/manifests/tag')).status, 404);
      }
    });
  });

  await t.test('a blob that was deleted is gone everywhere, and comes back', async () => {
    const bytes = randomBytes(1000);
    const path = `/v2/demo/blobs/blobs/${digestOf(bytes)}`;
    await inTurn(replicas, async (writer, others) => {
      await writer.pushBlob('demo/blobs', bytes);
      for (const reader of others) assert.equal((await reader.send('HEAD', path)).status, 200);
      assert.equal((await writer.send('DELETE', path)).status, 202);
      for (const reader of others) assert.equal((await reader.send('GET', path)).status, 404);
    });
  });

  await t.test(
    'a referrer that was added is listed everywhere, and one that was deleted nowhere',
    async () => {
      const { digest: subject, mediaType, size } = images[0].descriptor;
      await replicas.at(0).pushBlob('demo/app', EMPTY_CONFIG);
      await inTurn(replicas, async (writer, others, round) => {
        const fields = {
          subject: { digest: subject, mediaType, size },
          annotations: { round: `${round}` },
        };
        const bytes = manifestOf({ fields });
        const digest = await writer.putManifest('demo/app', digestOf(bytes), bytes, mediaTypes.manifest);
        for (const reader of others) assert.deepEqual(await referrersOf(reader, subject), [digest]);
        assert.equal((await writer.send('DELETE', `/v2/demo/app/manifests/${digest}`)).status, 202);
        for (const reader of others) assert.deepEqual(await referrersOf(reader, subject), []);
      });
    },
  );

  await t.test('of two pushes of one tag at two replicas one wins whole, and all see the same', async () => {
    for (let round = 0; round < RACES; round += 1) {
      const rivals = [makeImage(`left ${round}`), makeImage(`right ${round}`)];
      await Promise.all(
        rivals.map((image, index) => replicas.at(index).pushImage('demo/race', image, 'tag')),
      );
      const seen = await Promise.all(
        [0, 1, 2].map((replica) => replicas.at(replica).getManifest('demo/race', 'tag')),
      );
      const [winner] = seen;
      assert.ok(rivals.some(({ descriptor }) => descriptor.digest === winner?.digest));
      for (const { content, digest } of seen) {
        assert.equal(digest, winner?.digest);
        assert.equal(digestOf(content), digest);
      }
    }
  });

  await t.test('a push and a delete at the same time never leave a tag that points nowhere', async () => {
    const image = makeImage('pushed and deleted');
    const { digest, mediaType } = image.descriptor;
    await replicas.at(0).pushImage('demo/dangling', image, 'first');
    for (let round = 0; round < RACES; round += 1) {
      const tag = `tag-${round}`;
      const [deleted] = await Promise.all([
        replicas.at(0).send('DELETE', `/v2/demo/dangling/manifests/${digest}`),
        replicas.at(1).putManifest('demo/dangling', tag, image.manifest, mediaType),
      ]);
      assert.ok([202, 404].includes(deleted.status), `${deleted.status}`);
      const reader = replicas.at(2);
      for (const listed of await reader.listTags('demo/dangling')) {
        assert.equal((await reader.getManifest('demo/dangling', listed)).digest, digest);
      }
    }
  });
}

/** Lets each replica be the writer in turn, and all of them the readers. */
async function inTurn(
  replicas: Several,
  round: (writer: RegistryClient, readers: readonly RegistryClient[], round: number) => Promise<void>,
): Promise<void> {
  for (let number = 0; number < ROUNDS; number += 1) {
    const readers = [1, 2, 3].map((step) => replicas.at((number + step) % replicas.count));
    await round(replicas.at(number % replicas.count), readers, number);
  }
}

async function referrersOf(client: RegistryClient, subject: string): Promise<string[]> {
  const answer = await client.send('GET', `/v2/demo/app/referrers/${subject}`);
  assert.equal(answer.status, 200);
  const body: unknown = await answer.json();
  const manifests: unknown = Reflect.get(Object(body), 'manifests');
  assert.ok(Array.isArray(manifests));
  return manifests.map((entry: unknown) => String(Reflect.get(Object(entry), 'digest')));
}
