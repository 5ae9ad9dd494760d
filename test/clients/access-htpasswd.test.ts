// The real clients against a password file, as they use the `registry` image with one; and with rules beside it.
import assert from 'node:assert/strict';
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { hash } from 'bcryptjs';
import {
  type AccessClient,
  accessPrograms,
  createCtrClient,
  createDockerClient,
  createSkopeoClient,
  createToolClient,
  refused,
  succeeded,
  WRONG_LOGIN,
} from '../support/access-clients.ts';
import { assertNothingToldOf, startAccessRegistry } from '../support/access-registry.ts';
import { createContainerTools } from '../support/container-tools.ts';
import { startContainerd } from '../support/containerd.ts';
import { startDockerDaemon } from '../support/docker-daemon.ts';
import { privateDirectory } from '../support/processes.ts';
import { createSecrets } from '../support/secrets.ts';
import { whyNotHere } from '../support/system-packages.ts';

const skip = whyNotHere(accessPrograms, { root: true });
const COST = 6;

test('clients log in with accounts of a password file', { skip }, async (t) => {
  const secrets = createSecrets();
  const directory = await privateDirectory('htpasswd', t);
  const path = join(directory, 'htpasswd');
  const passwords = { alice: secrets.keep('alice of the file'), bob: secrets.keep('bob, who comes later') };
  const lineOf = async (name: keyof typeof passwords) => `${name}:${await hash(passwords[name], COST)}\n`;
  await writeFile(path, await lineOf('alice'));
  const auth = { htpasswd: { realm: 'The harbour', path } };
  const plain = await startAccessRegistry(t, { auth });
  const rules = [
    { repositories: ['public/**'], for: ['everyone'], actions: ['pull'] },
    { repositories: ['**'], for: ['user:alice'], actions: ['all'] },
    { repositories: ['team/**'], for: ['user:bob'], actions: ['pull'] },
  ];
  const ruled = await startAccessRegistry(t, { auth: { ...auth, policy: { rules } } });
  const daemon = await startDockerDaemon(t);
  const tools = await createContainerTools(t);
  const containerd = await startContainerd(t);
  const clientsOf = async (host: string) => [
    await createDockerClient(daemon, host, directory),
    await createToolClient('podman', tools, host),
    await createToolClient('buildah', tools, host),
    await createSkopeoClient(tools, host),
    await createCtrClient(containerd, host, directory),
  ];

  await t.test('the challenge is the one of the registry image', async () => {
    const { headers, status } = await fetch(`${plain.url}/v2/`);
    assert.equal(status, 401);
    assert.equal(headers.get('www-authenticate'), 'Basic realm="The harbour"');
  });

  for (const client of await clientsOf(plain.host)) {
    await t.test(`${client.name} does nothing without a login and everything with one`, (inner) =>
      usePlain(client, inner),
    );
  }

  await t.test('who is added to the file can log in, without a restart', async () => {
    await appendFile(path, await lineOf('bob'));
    const [docker] = await clientsOf(plain.host);
    assert.ok(docker);
    let login = await docker.login('bob', passwords.bob);
    // Seldom enough not to be taken for somebody who guesses.
    for (let tries = 0; login.code !== 0 && tries < 9; tries += 1) {
      await sleep(1_500);
      login = await docker.login('bob', passwords.bob);
    }
    succeeded(login);
    await docker.push('team/bobs:1').then(succeeded);
    await docker.logout().then(succeeded);
  });

  for (const client of await clientsOf(ruled.host)) {
    await t.test(`${client.name} does with rules what they allow, also without a login`, () =>
      useRuled(client),
    );
  }

  await t.test('the log has nothing of a secret', () => assertNothingToldOf(secrets, plain, ruled));

  async function usePlain(client: AccessClient, inner: TestContext): Promise<void> {
    const name = `team/${client.name}:1`;
    refused(await client.push(name), NO_PASSWORD);
    refused(await client.pull(name), NO_PASSWORD);
    const noLogin = client.name === 'ctr' && 'ctr has no login';
    await inner.test('a wrong password is refused', { skip: noLogin }, async () => {
      refused(await client.login('alice', passwords.bob), WRONG_LOGIN);
    });
    await client.login('alice', passwords.alice).then(succeeded);
    await client.push(name).then(succeeded);
    await client.pull(name).then(succeeded);
    await client.logout().then(succeeded);
    refused(await client.pull(name), NO_PASSWORD);
  }

  async function useRuled(client: AccessClient): Promise<void> {
    const name = `public/${client.name}:1`;
    refused(await client.push(name));
    await client.login('alice', passwords.alice).then(succeeded);
    await client.push(name).then(succeeded);
    await client.push(`team/${client.name}:1`).then(succeeded);
    await client.logout().then(succeeded);
    await client.pull(name).then(succeeded);
    refused(await client.pull(`team/${client.name}:1`));
    await client.login('bob', passwords.bob).then(succeeded);
    await client.pull(`team/${client.name}:1`).then(succeeded);
    refused(await client.push(`team/${client.name}:2`));
    await client.logout().then(succeeded);
  }
});

/** What clients say where they are asked for a password and have none. */
const NO_PASSWORD = /no basic auth credentials|unauthorized|authentication required|authorization failed/i;
