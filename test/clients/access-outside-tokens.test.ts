// docker, skopeo and ctr with a token server outside of the registry (`auth: token`), whose keys the registry has as a JSON Web
// Key Set or as a bundle of certificates.
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { libtrustFingerprint, thumbprint } from '../../src/auth/tokens/key-ids.ts';
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
import { runCommand } from '../support/command.ts';
import { createContainerTools } from '../support/container-tools.ts';
import { startContainerd } from '../support/containerd.ts';
import { startDockerDaemon } from '../support/docker-daemon.ts';
import { type IssuerKey, makeIssuerKey, publicJwk } from '../support/oidc-issuer.ts';
import { privateDirectory } from '../support/processes.ts';
import { createSecrets } from '../support/secrets.ts';
import { whyNotHere } from '../support/system-packages.ts';
import { startTokenServer } from '../support/token-server.ts';

const skip = whyNotHere([...accessPrograms, 'openssl'], { root: true });

test('clients with a token server outside', { skip }, async (t) => {
  const directory = await privateDirectory('outside-tokens', t);
  const daemon = await startDockerDaemon(t);
  const tools = await createContainerTools(t);
  const containerd = await startContainerd(t);

  const jwksKey = makeIssuerKey('ES256', 'a key in a set');
  const jwks = join(directory, 'jwks.json');
  await writeFile(jwks, JSON.stringify({ keys: [publicJwk(jwksKey)] }));
  const { rootcertbundle, key } = await makeCertificate(directory);
  const kinds = {
    'a key set': { key: jwksKey, trust: { jwks } },
    'certificates, and the kid that version 2 of the registry image wants': {
      key: { ...key, kid: libtrustFingerprint(key.publicKey) },
      trust: { rootcertbundle },
    },
    'certificates, and the kid of RFC 7638': {
      key: { ...key, kid: thumbprint(key.publicKey) ?? '' },
      trust: { rootcertbundle },
    },
  };

  for (const [kind, { key: signer, trust }] of Object.entries(kinds)) {
    await t.test(`trusted by ${kind}`, async (inner) => {
      const secrets = createSecrets();
      const names = { issuer: 'token.example', service: 'registry.example' };
      const users = {
        writer: { password: secrets.keep('writer at the outside'), actions: ['pull', 'push'] },
        reader: { password: secrets.keep('reader at the outside'), actions: ['pull'] },
      };
      const server = await startTokenServer(inner, { ...names, key: signer, users });
      const auth = { token: { realm: server.realm, ...names, ...trust } };
      const registry = await startAccessRegistry(inner, { auth });
      const { host } = registry;
      const clients = [
        await createDockerClient(daemon, host, directory),
        await createToolClient('podman', tools, host),
        await createSkopeoClient(tools, host),
        await createCtrClient(containerd, host, directory),
      ];
      for (const client of clients) {
        const name = `team/${client.name}:1`;
        refused(await client.push(name));
        if (client.name !== 'ctr') refused(await client.login('writer', users.reader.password), WRONG_LOGIN);
        await client.login('writer', users.writer.password).then(succeeded);
        await client.push(name).then(succeeded);
        await client.logout().then(succeeded);
        refused(await client.pull(name));
        await client.login('reader', users.reader.password).then(succeeded);
        await client.pull(name).then(succeeded);
        refused(await client.push(`team/${client.name}:2`));
        await client.logout().then(succeeded);
      }
      for (const token of server.tokens) secrets.keep(token);
      assert.ok(server.tokens.length > 0);
      await assertNothingToldOf(secrets, registry);
    });
  }
});

/** A key, and a file with a certificate that it signed itself. */
async function makeCertificate(
  directory: string,
): Promise<{ readonly rootcertbundle: string; readonly key: IssuerKey }> {
  const rootcertbundle = join(directory, 'bundle.pem');
  const file = join(directory, 'token.key');
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file];
  await runCommand([
    'openssl',
    'req',
    '-x509',
    ...newKey,
    '-subj',
    '/CN=token.example',
    '-out',
    rootcertbundle,
  ]);
  const privateKey = createPrivateKey(await readFile(file));
  return {
    rootcertbundle,
    key: { kid: '', algorithm: 'ES256', privateKey, publicKey: createPublicKey(privateKey) },
  };
}
