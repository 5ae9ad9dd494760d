// Events and the end of the process that they happened in, with the real command line.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { stringify } from 'yaml';
import { tagsByRepository } from '../events/some-events.ts';
import { startSink } from '../support/event-sink.ts';
import { createRegistryClient, type RegistryClient } from '../support/registry-client.ts';
import { makeImage } from '../support/sample-image.ts';
import { createSecrets } from '../support/secrets.ts';
import { freePort, startBerth, temporaryDirectory } from '../support/service.ts';
import { berth, runToEnd } from './berth-process.ts';

interface Place {
  readonly directory: string;
  readonly configuration: { readonly [section: string]: object };
}

async function placeFor(t: TestContext, url: string, fields: object = {}): Promise<Place> {
  const directory = await temporaryDirectory(t);
  const endpoints = [{ name: 'sink', url, timeout: '5s', backoff: '100ms', ...fields }];
  const notifications = { durability: 'strict', endpoints };
  return { directory, configuration: { notifications, storage: { delete: { enabled: true } } } };
}

async function start(t: TestContext, place: Place) {
  const server = await startBerth(place);
  t.after(() => server.stop('SIGKILL'));
  return { server, client: createRegistryClient(server.url) };
}

async function pushTags(client: RegistryClient, repositories: readonly string[], tags: readonly string[]) {
  for (const tag of tags) {
    for (const repository of repositories) await client.pushImage(repository, makeImage(repository), tag);
  }
}

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`what nobody was told of before ${signal} is told after the restart, in order`, async (t) => {
    const port = await freePort();
    const place = await placeFor(t, `http://127.0.0.1:${port}/`);
    const repositories = ['one', 'two'];
    const first = await start(t, place);
    await pushTags(first.client, repositories, ['a', 'b']);
    await first.server.stop(signal);
    const second = await start(t, place);
    await pushTags(second.client, repositories, ['c']);
    const sink = await startSink(t, undefined, port);
    // Two blobs and a manifest for each of the images.
    await sink.receives(18);
    const manifests = sink.events().filter(({ target }) => target['tag'] !== undefined);
    for (const [repository, tags] of tagsByRepository(manifests)) {
      assert.deepEqual([...new Set(tags)], ['a', 'b', 'c'], repository);
    }
    assert.equal(new Set(sink.events().map(({ id }) => id)).size, 18, 'every event once or more');
  });
}

test('berth events replay tells again what happened, beside a server that runs', async (t) => {
  const sink = await startSink(t);
  const place = await placeFor(t, sink.url);
  const { server, client } = await start(t, place);
  await pushTags(client, ['one'], ['a', 'b']);
  await sink.receives(6);
  const file = join(place.directory, 'config.yml');
  const storage = { filesystem: { rootdirectory: place.directory } };
  await writeFile(file, stringify({ version: 0.1, ...place.configuration, storage }));
  const replay = (...words: readonly string[]) =>
    runToEnd(t, [...berth, 'events', 'replay', ...words, '--config', file]);
  assert.deepEqual(await replay('--since', '1h'), { code: 0, stdout: 'sink\t6\n', stderr: '' });
  const events = sink.events();
  assert.deepEqual(events.slice(6), events.slice(0, 6));
  assert.deepEqual(await replay('--since', '2100-01-01', '--endpoint', 'sink'), {
    code: 0,
    stdout: 'sink\t0\n',
    stderr: '',
  });
  const nobody = await replay('--since', '1h', '--endpoint', 'nobody');
  assert.deepEqual([nobody.code, nobody.stderr], [1, 'there is no endpoint of that name\n']);
  for (const words of [[], ['--since', 'x'], ['--since', '1h', '--what']]) {
    const { code, stderr } = await replay(...words);
    assert.equal(code, 2);
    assert.match(stderr, /^usage: berth events replay/);
  }
  await server.stop();
});

test('nothing secret of an endpoint is printed by a server that cannot reach it, nor by a check', async (t) => {
  const secrets = createSecrets();
  const secret = secrets.keep('signing-secret-0123456789');
  const header = secrets.keep('header-value-0123456789');
  const password = secrets.keep('url-password-0123456789');
  const url = `http://user:${password}@127.0.0.1:1/${secrets.keep('path-token-0123456789')}`;
  const fields = { secret, headers: { 'X-Key': [header] }, threshold: 1 };
  const place = await placeFor(t, url, fields);
  const log = { level: 'debug' };
  const { server, client } = await start(t, { ...place, configuration: { ...place.configuration, log } });
  await pushTags(client, ['one'], ['a']);
  while (!server.output().includes('events are not taken')) await new Promise((done) => setTimeout(done, 10));
  await server.stop();
  assert.deepEqual(secrets.findIn(server.output()), []);
  const broken = await runToEnd(t, [...berth, 'check-config'], {
    environment: {
      REGISTRY_NOTIFICATIONS: JSON.stringify({
        endpoints: [{ url, secret, format: secret, colour: header }],
      }),
    },
  });
  assert.equal(broken.code, 1);
  assert.match(broken.stderr, /notifications\.endpoints\[0\]\.format/);
  assert.deepEqual(secrets.findIn(broken.stdout + broken.stderr), []);
});
