// The real docker, podman, buildah, skopeo and ctr against accounts that the registry keeps itself, with rules: two users, a
// robot, a repository for everybody, and nothing of their secrets in the log.
import { test } from 'node:test';
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
import { assertNothingToldOf, startAccessRegistry, teamRules } from '../support/access-registry.ts';
import { createContainerTools } from '../support/container-tools.ts';
import { startContainerd } from '../support/containerd.ts';
import { startDockerDaemon } from '../support/docker-daemon.ts';
import { privateDirectory } from '../support/processes.ts';
import { createSecrets } from '../support/secrets.ts';
import { whyNotHere } from '../support/system-packages.ts';

const skip = whyNotHere(accessPrograms, { root: true });

test('five clients log in, are refused, push, pull and log out', { skip }, async (t) => {
  const secrets = createSecrets();
  const passwords = {
    root: secrets.keep('root: 1 Berth, many ships'),
    alice: secrets.keep('alice+has/a=pass&word%20ü'),
    bob: secrets.keep('bob"s pass:word'),
  };
  const registry = await startAccessRegistry(t, {
    auth: { berth: {}, policy: { rules: teamRules } },
    users: passwords,
  });
  const robot = await registry.berth(['robot', 'add', 'ci', '--allow', 'team/**:pull']);
  const robotSecret = secrets.keep(robot.stdout.trim());
  const directory = await privateDirectory('access-clients', t);
  const tools = await createContainerTools(t);
  const { host } = registry;
  const skopeo = await createSkopeoClient(tools, host);
  const clients = [
    await createDockerClient(await startDockerDaemon(t), host, directory),
    await createToolClient('podman', tools, host),
    await createToolClient('buildah', tools, host),
    skopeo,
    await createCtrClient(await startContainerd(t), host, directory),
  ];
  await skopeo.login('root', passwords.root).then(succeeded);
  await skopeo.push('public/app:1').then(succeeded);
  await skopeo.login('alice', passwords.alice).then(succeeded);
  await skopeo.push('team/app:1').then(succeeded);
  await skopeo.logout().then(succeeded);

  for (const client of clients) await t.test(client.name, (inner) => use(client, inner));

  await t.test('the log at debug level has nothing of a secret', () =>
    assertNothingToldOf(secrets, registry),
  );

  async function use(client: AccessClient, inner: typeof t): Promise<void> {
    await inner.test('pulls without a login what everybody may pull, and nothing else', async () => {
      await client.pull('public/app:1').then(succeeded);
      refused(await client.pull('team/app:1'));
      refused(await client.push('public/app:2'));
    });

    await inner.test('is told that a password is wrong', { skip: noLogin(client) }, async () => {
      refused(await client.login('bob', passwords.alice), WRONG_LOGIN);
      refused(await client.login('nobody', passwords.bob), WRONG_LOGIN);
    });

    await inner.test('pulls as bob, who is refused a push and told so', async () => {
      await client.login('bob', passwords.bob).then(succeeded);
      await client.pull('team/app:1').then(succeeded);
      refused(await client.push(`team/${client.name}:1`));
      await client.logout().then(succeeded);
      refused(await client.pull('team/app:1'));
    });

    await inner.test('pushes as alice, and only where she may', async () => {
      await client.login('alice', passwords.alice).then(succeeded);
      await client.push(`team/${client.name}:1`).then(succeeded);
      await client.pull(`team/${client.name}:1`).then(succeeded);
      refused(await client.push(`public/${client.name}:1`));
      await client.logout().then(succeeded);
    });

    await inner.test('pulls as a robot, which is refused a push', async () => {
      await client.login('robot+ci', robotSecret).then(succeeded);
      await client.pull(`team/${client.name}:1`).then(succeeded);
      refused(await client.push(`team/${client.name}:2`));
      await client.logout().then(succeeded);
    });
  }
});

function noLogin({ name }: AccessClient): string | false {
  return name === 'ctr' && 'ctr has no login';
}
