// Accounts of the registry's own over two replicas behind nginx, with Redis and a bucket: what one of them was told the other
// knows, and what one of them signed the other believes.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import {
  accessPrograms,
  createCtrClient,
  createDockerClient,
  createSkopeoClient,
  createToolClient,
  refused,
  succeeded,
} from '../support/access-clients.ts';
import {
  assertNothingToldOf,
  createBerthCommand,
  debugLog,
  FIRST_ADMINISTRATOR,
  teamRules,
} from '../support/access-registry.ts';
import { createContainerTools } from '../support/container-tools.ts';
import { startContainerd } from '../support/containerd.ts';
import { startDockerDaemon } from '../support/docker-daemon.ts';
import { inReverse, privateDirectory } from '../support/processes.ts';
import { replicaPrograms, startReplicas } from '../support/replicas.ts';
import { startS3Store } from '../support/s3-store.ts';
import { createSecrets } from '../support/secrets.ts';
import { bucketOf, whyNoS3Replicas } from '../support/shared-store.ts';
import { whyNotHere } from '../support/system-packages.ts';

const skip = whyNotHere([...accessPrograms, ...replicaPrograms], { root: true }) || whyNoS3Replicas;

test('accounts over two replicas with Redis and a bucket', { skip }, async (t) => {
  const secrets = createSecrets();
  const s3 = await startS3Store(inReverse(t));
  secrets.keep(s3.secretKey);
  const storage = await bucketOf(s3);
  const auth = { berth: {}, policy: { rules: teamRules } };
  const replicas = await startReplicas(t, { storage, configuration: { ...debugLog, auth } });
  const services = [replicas.service(0), replicas.service(1)] as const;
  const { host } = replicas;
  const directory = await privateDirectory('access-replicas', t);

  // A replica answers a moment before it says that it is up.
  while (services.some((service) => !service.output().includes('try it: '))) await sleep(20);
  const shown = services.flatMap((service) => FIRST_ADMINISTRATOR.exec(service.output()) ?? []);
  const first = { name: shown[1] ?? '', password: secrets.keep(shown[2] ?? '') };
  const passwords = {
    alice: secrets.keep(`alice ${randomBytes(9).toString('base64url')}`),
    bob: secrets.keep(`bob ${randomBytes(9).toString('base64url')}`),
  };

  await t.test('one replica alone showed the first administrator', () => {
    assert.equal(shown.length, 3);
  });

  await t.test('an account that was made at one is known to the other', async () => {
    for (const [index, name] of (['alice', 'bob'] as const).entries()) {
      const made = await fetch(`${services[index % 2]?.url}/berth/v1/users`, {
        method: 'POST',
        headers: {
          authorization: `Basic ${btoa(`${first.name}:${first.password}`)}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ name, password: passwords[name] }),
      });
      assert.equal(made.status, 201, await made.text());
      for (const service of services) assert.ok(await tokenFrom(service.url, name));
    }
  });

  await t.test('a token that was made at one opens the other, which has the same keys', async () => {
    for (const [maker, taker] of [services, services.toReversed()]) {
      assert.ok(maker && taker);
      const authorization = `Bearer ${await tokenFrom(maker.url, 'alice')}`;
      assert.equal((await fetch(`${taker.url}/v2/`, { headers: { authorization } })).status, 200);
    }
  });

  const daemon = await startDockerDaemon(t);
  const tools = await createContainerTools(t);
  const clients = [
    await createDockerClient(daemon, host, directory),
    await createToolClient('podman', tools, host),
    await createToolClient('buildah', tools, host),
    await createSkopeoClient(tools, host),
    await createCtrClient(await startContainerd(t), host, directory),
  ];

  for (const client of clients) {
    await t.test(`${client.name} logs in, pushes and pulls through both, and is refused`, async () => {
      const name = `team/${client.name}:1`;
      refused(await client.push(name));
      await client.login('alice', passwords.alice).then(succeeded);
      await client.push(name).then(succeeded);
      await client.logout().then(succeeded);
      refused(await client.pull(name));
      await client.login('bob', passwords.bob).then(succeeded);
      await client.pull(name).then(succeeded);
      refused(await client.push(`team/${client.name}:2`));
      await client.logout().then(succeeded);
    });
  }

  await t.test('a robot that was made by command works at once, and not when it is removed', async () => {
    const berth = createBerthCommand(await configurationFile());
    const made = await berth(['robot', 'add', 'ci', '--allow', 'team/**:pull']);
    const secret = secrets.keep(made.stdout.trim());
    const [docker] = clients;
    assert.ok(docker);
    await docker.login('robot+ci', secret).then(succeeded);
    for (let pull = 0; pull < 2; pull += 1) await docker.pull('team/docker:1').then(succeeded);
    refused(await docker.push('team/docker:3'));
    await berth(['robot', 'remove', 'ci']);
    for (let pull = 0; pull < 2; pull += 1) refused(await docker.pull('team/docker:1'));
  });

  await t.test('the logs have nothing of a secret, nor of a URL that the bucket signed', async () => {
    const blobs = services.map(
      (service) => service.output().match(/"http.response.status":307/g)?.length ?? 0,
    );
    assert.ok(
      blobs.every((count) => count > 0),
      'both sent clients to the bucket',
    );
    await assertNothingToldOf(secrets, ...services);
  });

  async function tokenFrom(url: string, name: 'alice' | 'bob'): Promise<string> {
    const headers = { authorization: `Basic ${btoa(`${name}:${passwords[name]}`)}` };
    const answer = await fetch(`${url}/auth/token?service=berth`, { headers });
    assert.equal(answer.status, 200);
    const body: unknown = await answer.json();
    return secrets.keep(String(Reflect.get(Object(body), 'token')));
  }

  async function configurationFile(): Promise<string> {
    const file = join(directory, 'config.yml');
    const redis = { addr: `127.0.0.1:${replicas.redis.port}` };
    await writeFile(file, stringify({ version: 0.1, storage, redis, auth: { berth: {} } }));
    return file;
  }
});
