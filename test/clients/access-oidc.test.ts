// A CI job publishes with the token that it has for its own identity: no secret is kept anywhere. The issuer is one of ours that
// says what GitHub Actions says.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import {
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
import { githubClaims, makeIssuerKey, startOidcIssuer } from '../support/oidc-issuer.ts';
import { privateDirectory } from '../support/processes.ts';
import { createSecrets } from '../support/secrets.ts';
import { whyNotHere } from '../support/system-packages.ts';

const skip = whyNotHere(accessPrograms, { root: true });
const AUDIENCE = 'registry.example';

test('a CI job logs in with its own identity', { skip }, async (t) => {
  const secrets = createSecrets();
  const issuer = await startOidcIssuer(t);
  const registry = await startAccessRegistry(t, {
    auth: {
      berth: {
        oidc: [{ name: 'github', issuer: issuer.issuer, audience: [AUDIENCE], allowprivate: true }],
      },
      policy: {
        rules: [
          {
            repositories: ['acme/**'],
            for: ['oidc:github'],
            actions: ['pull', 'write'],
            when: 'repository_owner == acme and ref == refs/heads/main',
          },
          {
            repositories: ['acme/**'],
            for: ['oidc:github'],
            actions: ['pull'],
            when: 'repository_owner == acme',
          },
        ],
      },
      // All of them come from one address, and with one name.
      failedlogins: { peraccount: 100 },
    },
    users: { root: secrets.keep('root is not a CI job') },
  });
  const { host } = registry;
  const directory = await privateDirectory('oidc', t);
  const daemon = await startDockerDaemon(t);
  const tools = await createContainerTools(t);
  const clients = [
    await createDockerClient(daemon, host, directory),
    await createToolClient('podman', tools, host),
    await createToolClient('buildah', tools, host),
    await createSkopeoClient(tools, host),
    await createCtrClient(await startContainerd(t), host, directory),
  ];
  const jobOf = (repository: string, ref: string, change: object = {}) =>
    secrets.keep(issuer.token({ ...githubClaims(repository, ref, AUDIENCE), ...change }));

  for (const client of clients) {
    const name = `acme/${client.name}:1`;

    await t.test(`${client.name} pushes in a job on the main branch, and only there`, async () => {
      await client.login('oidc', jobOf('acme/app', 'refs/heads/main')).then(succeeded);
      await client.push(name).then(succeeded);
      await client.pull(name).then(succeeded);
      refused(await client.push(`other/${client.name}:1`));
      await client.logout().then(succeeded);

      await client.login('oidc', jobOf('acme/app', 'refs/pull/1/merge')).then(succeeded);
      await client.pull(name).then(succeeded);
      refused(await client.push(`acme/${client.name}:2`));
      await client.logout().then(succeeded);
    });

    await t.test(`${client.name} does nothing in a job of somebody else`, async () => {
      await client.login('oidc', jobOf('evil/app', 'refs/heads/main')).then(succeeded);
      refused(await client.pull(name));
      refused(await client.push(`acme/${client.name}:3`));
      await client.logout().then(succeeded);
    });
  }

  await t.test('docker keeps the token of the job alone, which is soon over', async () => {
    const [docker] = clients;
    const token = jobOf('acme/app', 'refs/heads/main');
    await docker?.login('oidc', token).then(succeeded);
    const kept = await readFile(daemon.loginFile, 'utf8');
    assert.ok(kept.includes(Buffer.from(`oidc:${token}`).toString('base64')));
    assert.doesNotMatch(kept, /identitytoken/);
    await docker?.logout().then(succeeded);
  });

  const notGood = {
    'for another audience': () => jobOf('acme/app', 'refs/heads/main', { aud: 'elsewhere.example' }),
    'that is over': () => {
      const past = Math.floor(Date.now() / 1000) - 3600;
      return jobOf('acme/app', 'refs/heads/main', { iat: past - 300, nbf: past - 300, exp: past });
    },
    'signed by somebody else': () =>
      secrets.keep(
        issuer.token(githubClaims('acme/app', 'refs/heads/main', AUDIENCE), {
          key: makeIssuerKey('ES256', 'first'),
        }),
      ),
  };
  for (const [what, make] of Object.entries(notGood)) {
    await t.test(`a login with a token ${what} is refused`, async () => {
      for (const client of clients.slice(0, 4)) refused(await client.login('oidc', make()), WRONG_LOGIN);
    });
  }

  await t.test('the log has nothing of a token', () => assertNothingToldOf(secrets, registry));
});
