// The same requests to Berth and to the `registry` image, with one receiver for both: the same events, field by field, but for
// ids, times and addresses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SunkEvent, startSink } from '../support/event-sink.ts';
import { createRegistryClient, type RegistryClient } from '../support/registry-client.ts';
import { makeImage, makeIndex } from '../support/sample-image.ts';
import { startBerth, startDockerRegistry, temporaryDirectory } from '../support/service.ts';
import { skip } from './shared-directory.ts';

test('both send the same events for pushes, pulls, mounts and deletes', { skip }, async (t) => {
  const sink = await startSink(t);
  const start = async (server: typeof startBerth, path: string) => {
    const service = await server({
      directory: await temporaryDirectory(t),
      configuration: {
        storage: { delete: { enabled: true } },
        notifications: {
          events: { includereferences: true },
          endpoints: [
            {
              name: path,
              url: `${sink.url}/${path}`,
              timeout: '10s',
              ...(server === startBerth && { format: 'v1' }),
            },
          ],
        },
      },
    });
    t.after(() => service.stop());
    return createRegistryClient(service.url);
  };
  const clients = {
    berth: await start(startBerth, 'berth'),
    image: await start(startDockerRegistry, 'image'),
  };
  for (const client of Object.values(clients)) await useEverything(client);
  const eventsOf = (path: string) => sink.taken.filter((request) => request.path.endsWith(path));
  await until(
    () => eventsOf('/image').length >= 12 && eventsOf('/berth').length === eventsOf('/image').length,
  );
  const [ours, theirs] = ['/berth', '/image'].map((path) => eventsOf(path).map(comparable));
  assert.deepEqual(ours, theirs);
});

async function useEverything(client: RegistryClient): Promise<void> {
  const image = makeImage('told', { format: 'docker' });
  const digest = await client.pushImage('team/app', image, 'v1');
  const [layer = ''] = image.blobs.keys();
  await client.pushIndex('team/app', makeIndex([image]), 'all');
  await client.getManifest('team/app', 'v1');
  await client.getManifest('team/app', digest);
  await client.getBlob('team/app', layer);
  const mounted = await client.send('POST', `/v2/other/blobs/uploads/?mount=${layer}&from=team/app`);
  assert.equal(mounted.status, 201);
  for (const path of [`/v2/other/blobs/${layer}`, `/v2/team/app/manifests/${digest}`]) {
    assert.equal((await client.send('DELETE', path)).status, 202);
  }
}

interface Comparable {
  readonly contentType: string | undefined;
  readonly event: unknown;
}

/** What differs from server to server and from request to request, told by its form alone. */
function comparable({
  headers,
  body,
}: {
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}): Comparable {
  const { events, ...envelope } = JSON.parse(body);
  assert.deepEqual(envelope, {});
  assert.equal(events.length, 1);
  const { id, timestamp, request, source, target, ...event }: SunkEvent & { timestamp: string } = events[0];
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.ok(Date.parse(timestamp) > 0);
  const { id: requestId, addr, host, ...asked } = request;
  assert.match(String(requestId), /^[0-9a-f-]{36}$/);
  assert.match(String(addr), /^127\.0\.0\.1:\d+$/);
  assert.match(String(host), /^127\.0\.0\.1:\d+$/);
  assert.match(String(source['addr']), /^.+:\d+$/);
  assert.match(String(source['instanceID']), /^[0-9a-f-]{36}$/);
  const { url, ...rest } = target;
  return {
    contentType: String(headers['content-type']),
    event: {
      ...event,
      target: {
        ...rest,
        path: url === undefined ? undefined : String(url).replace(`http://${String(host)}`, ''),
      },
      request: asked,
      fields: [Object.keys(request).sort(), Object.keys(source).sort()],
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 30_000; !condition(); ) {
    if (Date.now() > end) throw new Error('the events did not come');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // One that is too many would come now.
  await new Promise((resolve) => setTimeout(resolve, 300));
}
