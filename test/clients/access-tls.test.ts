// docker, podman, skopeo and ctr over TLS with an authority of one's own: with a password, and with a certificate of the client
// that is a name in the rules.
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
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
import { makeCertificates } from '../support/certificates.ts';
import { createContainerTools } from '../support/container-tools.ts';
import { startContainerd } from '../support/containerd.ts';
import { startDockerDaemon } from '../support/docker-daemon.ts';
import { privateDirectory } from '../support/processes.ts';
import { createSecrets } from '../support/secrets.ts';
import { whyNotHere } from '../support/system-packages.ts';
import { type ClientCertificate, makeClientCertificate } from '../support/tls.ts';

const skip = whyNotHere([...accessPrograms, 'openssl', 'unshare'], { root: true });

/** The address of this machine that docker does not take for one that needs no TLS, as it does with 127.0.0.0/8. */
const NAME = '0.0.0.0';

test('clients over TLS with an authority of our own', { skip }, async (t) => {
  const secrets = createSecrets();
  const passwords = {
    root: secrets.keep('root behind the curtain'),
    alice: secrets.keep('alice behind the curtain'),
  };
  const certificates = await makeCertificates(t, [`IP:${NAME}`]);
  const { certificate, key, ca } = certificates.files;
  const directory = await privateDirectory('tls-clients', t);
  const registry = await startAccessRegistry(t, {
    auth: {
      berth: {},
      policy: {
        rules: [
          { repositories: ['team/**'], for: ['user:alice', 'certificate:deployer'], actions: ['all'] },
          {
            repositories: ['team/**'],
            for: ['certificate:*'],
            actions: ['pull'],
            when: "sans contains 'DNS:runner.example'",
          },
        ],
      },
    },
    users: passwords,
    configuration: {
      http: {
        tls: { certificate, key, clientcas: [ca], clientauth: 'verify-client-cert-if-given' },
      },
    },
  });
  const host = `${NAME}:${registry.port}`;
  const deployer = await makeClientCertificate(certificates, { subject: '/O=acme/CN=deployer' });
  const runner = await makeClientCertificate(certificates, {
    subject: '/O=acme/CN=runner-7',
    names: 'DNS:runner.example',
  });
  const stranger = await makeClientCertificate(certificates, {
    subject: '/CN=deployer',
    signedByItself: true,
  });

  for (const name of ['docker', 'podman', 'buildah', 'skopeo', 'ctr'] as const) {
    await t.test(`${name} does not trust a registry of an authority that it does not know`, async (inner) => {
      const client = await clientOf(inner, name, {});
      const reason = /certificate signed by unknown authority|failed to verify certificate/;
      refused(await client.push(`team/${name}:0`), reason);
      if (name !== 'ctr') refused(await client.login('alice', passwords.alice), reason);
    });

    await t.test(`${name} logs in with a password, pushes and pulls`, async (inner) => {
      const client = await clientOf(inner, name, { ca });
      refused(await client.push(`team/${name}:1`));
      if (name !== 'ctr') refused(await client.login('alice', 'a wrong password'), WRONG_LOGIN);
      await client.login('alice', passwords.alice).then(succeeded);
      await client.push(`team/${name}:1`).then(succeeded);
      await client.pull(`team/${name}:1`).then(succeeded);
      await client.logout().then(succeeded);
      refused(await client.pull(`team/${name}:1`));
    });

    await t.test(`${name} pushes and pulls with nothing but its certificate`, async (inner) => {
      const client = await clientOf(inner, name, { ca, identity: deployer });
      await client.push(`team/${name}:2`).then(succeeded);
      await client.pull(`team/${name}:2`).then(succeeded);
      refused(await client.push(`other/${name}:1`));
    });

    await t.test(`${name} does with another certificate what its claims allow`, async (inner) => {
      const client = await clientOf(inner, name, { ca, identity: runner });
      await client.pull(`team/${name}:2`).then(succeeded);
      refused(await client.push(`team/${name}:3`));
    });

    await t.test(`${name} is who logs in, whatever certificate it has`, async (inner) => {
      const client = await clientOf(inner, name, { ca, identity: runner });
      if (name !== 'ctr') refused(await client.login('alice', 'a wrong password'), WRONG_LOGIN);
      await client.login('alice', passwords.alice).then(succeeded);
      await client.push(`team/${name}:5`).then(succeeded);
      await client.logout().then(succeeded);
      await client.pull(`team/${name}:5`).then(succeeded);
      refused(await client.push(`team/${name}:6`));
    });

    await t.test(`${name} is nobody with a certificate that it signed itself`, async (inner) => {
      const client = await clientOf(inner, name, { ca, identity: stranger });
      refused(await client.pull(`team/${name}:2`), /./);
      refused(await client.push(`team/${name}:4`), /./);
    });
  }

  await t.test(
    'as with the registry image, a certificate is no password where there are no rules',
    async (inner) => {
      const strict = await startAccessRegistry(inner, {
        auth: { berth: {} },
        users: passwords,
        configuration: { http: { tls: { certificate, key, clientcas: [ca] } } },
      });
      const at = `${NAME}:${strict.port}`;
      const client = await clientOf(inner, 'docker', { ca, identity: deployer }, at);
      refused(await client.push('team/docker:1'));
      refused(await client.login('alice', 'a wrong password'), WRONG_LOGIN);
      await client.login('alice', passwords.alice).then(succeeded);
      await client.push('team/docker:1').then(succeeded);
      const bare = await clientOf(inner, 'skopeo', { ca }, at);
      refused(await bare.login('alice', passwords.alice), /certificate required|remote error: tls/);
      await assertNothingToldOf(secrets, strict);
    },
  );

  await t.test('the log has nothing of a secret', () => assertNothingToldOf(secrets, registry));

  type Trust = { readonly ca?: string; readonly identity?: ClientCertificate };

  /** A client with settings of its own, in the files where it looks for them. */
  async function clientOf(
    inner: TestContext,
    name: 'docker' | 'podman' | 'buildah' | 'skopeo' | 'ctr',
    trust: Trust,
    at = host,
  ): Promise<AccessClient> {
    const folder = await privateDirectory('trust', inner);
    const place = join(folder, at);
    await mkdir(place);
    if (trust.ca !== undefined) await copyFile(trust.ca, join(place, 'ca.crt'));
    if (trust.identity !== undefined) {
      await writeFile(join(place, 'client.cert'), trust.identity.cert);
      await writeFile(join(place, 'client.key'), trust.identity.key);
    }
    const tls = ['--cert-dir', place];
    switch (name) {
      case 'docker':
        return createDockerClient(await startDockerDaemon(inner, { certificates: folder }), at, directory);
      case 'ctr':
        await writeFile(join(place, 'hosts.toml'), hostsFile(place, trust));
        return createCtrClient(await startContainerd(inner), at, directory, {
          tls: ['--hosts-dir', folder],
        });
      case 'skopeo':
        return createSkopeoClient(await createContainerTools(inner), at, { tls });
      default:
        return createToolClient(name, await createContainerTools(inner), at, { tls });
    }
  }

  /** See containerd's docs/hosts.md. */
  function hostsFile(place: string, trust: Trust): string {
    const lines = [`server = "https://${host}"`, `[host."https://${host}"]`];
    lines.push('capabilities = ["pull", "resolve", "push"]');
    if (trust.ca !== undefined) lines.push(`ca = ${JSON.stringify(join(place, 'ca.crt'))}`);
    const pair = ['client.cert', 'client.key'].map((file) => join(place, file));
    if (trust.identity !== undefined) lines.push(`client = ${JSON.stringify([pair])}`);
    return `${lines.join('\n')}\n`;
  }
});
