// What docker, podman and skopeo keep of a login, and what is left of it when the password changes or the account goes.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
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
import { assertNothingToldOf, startAccessRegistry, teamRules } from '../support/access-registry.ts';
import { createContainerTools } from '../support/container-tools.ts';
import { startDockerDaemon } from '../support/docker-daemon.ts';
import { privateDirectory } from '../support/processes.ts';
import { createSecrets } from '../support/secrets.ts';
import { whyNotHere } from '../support/system-packages.ts';

const skip = whyNotHere(accessPrograms, { root: true });

test('a login that a client keeps', { skip }, async (t) => {
  const secrets = createSecrets();
  const passwords = {
    root: secrets.keep('root keeps the keys'),
    alice: secrets.keep('alice in the beginning'),
    bob: secrets.keep('bob in the beginning'),
  };
  const registry = await startAccessRegistry(t, {
    auth: { berth: {}, policy: { rules: teamRules } },
    users: passwords,
  });
  const { host } = registry;
  const directory = await privateDirectory('kept-logins', t);
  const daemon = await startDockerDaemon(t);
  const tools = await createContainerTools(t);
  const docker = await createDockerClient(daemon, host, directory);
  const podman = await createToolClient('podman', tools, host);
  const skopeo = await createSkopeoClient(tools, host);

  await t.test('docker keeps a token that renews the login, and no password', async () => {
    await docker.login('alice', passwords.alice).then(succeeded);
    const { identitytoken, auth } = await keptIn(daemon.loginFile, host);
    assert.match(identitytoken, /^berth_rt_/);
    secrets.keep(identitytoken);
    assert.equal(Buffer.from(auth, 'base64').toString(), 'alice:');
    const file = await readFile(daemon.loginFile, 'utf8');
    assert.ok(!file.includes(Buffer.from(passwords.alice).toString('base64').slice(4, -4)));
    await docker.push('team/app:1').then(succeeded);
    await docker.pull('team/app:1').then(succeeded);
  });

  await t.test('the token is no credential but for more tokens', async () => {
    const { identitytoken } = await keptIn(daemon.loginFile, host);
    for (const authorization of [`Bearer ${identitytoken}`, `Basic ${btoa(`alice:${identitytoken}`)}`]) {
      const { status } = await fetch(`${registry.url}/v2/`, { headers: { authorization } });
      assert.equal(status, 401);
    }
    assert.equal(await statusOfRefresh(identitytoken), 200);
  });

  for (const client of [podman, skopeo]) {
    await t.test(`${client.name} keeps the name and the password, and no token`, async () => {
      await client.login('alice', passwords.alice).then(succeeded);
      const { identitytoken, auth } = await keptIn(tools.loginFile, host);
      assert.equal(identitytoken, '');
      assert.equal(Buffer.from(auth, 'base64').toString(), `alice:${passwords.alice}`);
      await client.pull('team/app:1').then(succeeded);
    });
  }

  await t.test('docker forgets it at a logout', async () => {
    const other = await createDockerClient(daemon, host, directory);
    const { identitytoken } = await keptIn(daemon.loginFile, host);
    await other.logout().then(succeeded);
    assert.deepEqual(await keptIn(daemon.loginFile, host), { auth: '', identitytoken: '' });
    refused(await other.pull('team/app:1'));
    await other.login('alice', passwords.alice).then(succeeded);
    const renewed = await keptIn(daemon.loginFile, host);
    assert.notEqual(renewed.identitytoken, identitytoken);
    secrets.keep(renewed.identitytoken);
  });

  const clients: readonly AccessClient[] = [docker, podman, skopeo];

  await t.test('another password ends all of them at once', async () => {
    const { identitytoken } = await keptIn(daemon.loginFile, host);
    const changed = secrets.keep('alice after the change');
    await registry.berth(['user', 'passwd', 'alice'], changed);
    assert.equal(await statusOfRefresh(identitytoken), 401);
    for (const client of clients) refused(await client.pull('team/app:1'), ENDED);
    for (const client of clients) {
      await client.login('alice', changed).then(succeeded);
      await client.pull('team/app:1').then(succeeded);
    }
    assert.equal(await statusOfRefresh(identitytoken), 401);
  });

  await t.test('an account that is disabled is out, and in again when it is enabled', async () => {
    for (const client of clients) await client.login('bob', passwords.bob).then(succeeded);
    secrets.keep((await keptIn(daemon.loginFile, host)).identitytoken);
    await registry.berth(['user', 'disable', 'bob']);
    for (const client of clients) refused(await client.pull('team/app:1'), ENDED);
    await registry.berth(['user', 'enable', 'bob']);
    for (const client of clients) {
      await client.login('bob', passwords.bob).then(succeeded);
      await client.pull('team/app:1').then(succeeded);
    }
  });

  await t.test('what the old secret of a robot opened, the new one does', async () => {
    const first = secrets.keep(
      (await registry.berth(['robot', 'add', 'ci', '--allow', 'team/**:pull'])).stdout.trim(),
    );
    for (const client of clients) await client.login('robot+ci', first).then(succeeded);
    const second = secrets.keep((await registry.berth(['robot', 'rotate', 'ci'])).stdout.trim());
    for (const client of clients) refused(await client.pull('team/app:1'), ENDED);
    for (const client of clients) {
      await client.login('robot+ci', second).then(succeeded);
      await client.pull('team/app:1').then(succeeded);
    }
    await registry.berth(['robot', 'remove', 'ci']);
    for (const client of clients) refused(await client.pull('team/app:1'), ENDED);
  });

  await t.test('the log has nothing of a secret', () => assertNothingToldOf(secrets, registry));

  async function statusOfRefresh(token: string): Promise<number> {
    const body = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: token,
      service: 'berth',
      client_id: 'tests',
      scope: 'repository:team/app:pull',
    });
    return (await fetch(`${registry.url}/auth/token`, { method: 'POST', body })).status;
  }
});

const ENDED = /unauthorized|denied|invalid username\/password/i;

/** What a client's login file has of the registry; empty texts for what it has not. */
async function keptIn(file: string, host: string): Promise<{ auth: string; identitytoken: string }> {
  const kept: unknown = JSON.parse(await readFile(file, 'utf8'));
  const entry: unknown = Reflect.get(Object(Reflect.get(Object(kept), 'auths')), host);
  const textOf = (name: string) => String(Reflect.get(Object(entry), name) ?? '');
  return { auth: textOf('auth'), identitytoken: textOf('identitytoken') };
}
