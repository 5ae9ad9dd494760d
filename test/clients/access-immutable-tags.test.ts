// Tags that do not move, as a user of docker meets them; and users who may add tags and move none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AccessClient,
  accessPrograms,
  createDockerClient,
  createSkopeoClient,
  createToolClient,
  refused,
  succeeded,
} from '../support/access-clients.ts';
import { assertNothingToldOf, startAccessRegistry } from '../support/access-registry.ts';
import { createContainerTools } from '../support/container-tools.ts';
import { startDockerDaemon } from '../support/docker-daemon.ts';
import { privateDirectory } from '../support/processes.ts';
import { createSecrets } from '../support/secrets.ts';
import { whyNotHere } from '../support/system-packages.ts';

const skip = whyNotHere(accessPrograms, { root: true });

test('a tag that does not move', { skip }, async (t) => {
  const secrets = createSecrets();
  const users = {
    root: secrets.keep('root moves everything'),
    alice: secrets.keep('alice moves some tags'),
    bob: secrets.keep('bob moves no tags'),
  };
  const registry = await startAccessRegistry(t, {
    auth: {
      berth: {},
      policy: {
        rules: [
          { repositories: ['team/**'], for: ['user:alice'], actions: ['pull', 'write', 'delete'] },
          { repositories: ['team/**'], for: ['user:bob'], actions: ['pull', 'push'] },
        ],
        immutabletags: [{ repositories: ['**'], tags: ['v[0-9]*'], except: ['*-snapshot'] }],
      },
    },
    users,
  });
  const { host } = registry;
  const directory = await privateDirectory('immutable', t);
  const daemon = await startDockerDaemon(t);
  const tools = await createContainerTools(t);
  const clients = [
    await createDockerClient(daemon, host, directory),
    await createToolClient('podman', tools, host),
    await createToolClient('buildah', tools, host),
  ];
  /** Pushes other content than they do, and the same each time. */
  const other = await createSkopeoClient(tools, host);

  for (const client of clients) {
    const tagged = (tag: string) => `team/${client.name}:${tag}`;

    await t.test(`${client.name} pushes it once, and the same again, but nothing else`, async () => {
      await as(other, 'alice', async () => {
        await other.push(tagged('v1.0')).then(succeeded);
        await other.push(tagged('v1.0')).then(succeeded);
        await other.push(tagged('v1.0-snapshot')).then(succeeded);
        await other.push(tagged('latest')).then(succeeded);
      });
      await as(client, 'alice', async () => {
        const before = await digestOf(client.name, 'v1.0');
        refused(await client.push(tagged('v1.0')), /the tag is immutable/);
        assert.equal(await digestOf(client.name, 'v1.0'), before);
        await client.push(tagged('v1.0-snapshot')).then(succeeded);
        assert.notEqual(await digestOf(client.name, 'v1.0-snapshot'), before);
        await client.push(tagged('latest')).then(succeeded);
        await client.pull(tagged('v1.0')).then(succeeded);
      });
    });

    await t.test(`${client.name} moves it for an administrator`, async () => {
      const before = await digestOf(client.name, 'v1.0');
      await as(client, 'root', () => client.push(tagged('v1.0')).then(succeeded));
      assert.notEqual(await digestOf(client.name, 'v1.0'), before);
    });

    await t.test(`${client.name} adds tags for who may move none`, async () => {
      await as(other, 'alice', () => other.push(tagged('moving')).then(succeeded));
      await as(client, 'bob', async () => {
        const before = await digestOf(client.name, 'moving');
        await client.push(tagged('new')).then(succeeded);
        refused(await client.push(tagged('moving')), /the tag is there already/);
        assert.equal(await digestOf(client.name, 'moving'), before);
      });
    });
  }

  await t.test('the log has nothing of a secret', () => assertNothingToldOf(secrets, registry));

  async function as(
    client: AccessClient,
    user: keyof typeof users,
    work: () => Promise<void>,
  ): Promise<void> {
    await client.login(user, users[user]).then(succeeded);
    await work();
    await client.logout().then(succeeded);
  }

  async function digestOf(repository: string, tag: string): Promise<string> {
    const headers = {
      authorization: `Basic ${btoa(`alice:${users.alice}`)}`,
      accept: '*/*',
    };
    const answer = await fetch(`${registry.url}/v2/team/${repository}/manifests/${tag}`, { headers });
    assert.equal(answer.status, 200);
    return answer.headers.get('docker-content-digest') ?? '';
  }
});
