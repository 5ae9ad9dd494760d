// crane, oras, helm and cosign against the registry. Only with BERTH_TEST_GO_CLIENTS=1, since they are built from source.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CommandResult, runCommand } from '../support/command.ts';
import { buildGoClient, whyNoGoClients } from '../support/go-clients.ts';
import { privateDirectory } from '../support/processes.ts';
import { createRegistryClient } from '../support/registry-client.ts';
import { notInReference, startRegistryUnderTest } from '../support/registry-under-test.ts';
import { makeImage, makeIndex, mediaTypes } from '../support/sample-image.ts';

type Run = (...parameters: readonly string[]) => Promise<CommandResult>;

test('crane, oras, helm and cosign work against the registry', {
  skip: await whyNoGoClients(),
}, async (t) => {
  const registry = await startRegistryUnderTest(t);
  const client = createRegistryClient(registry.url);
  const directory = await privateDirectory('go-clients', t);
  const path = (...names: string[]) => join(directory, ...names);
  const environment = {
    HOME: directory,
    DOCKER_CONFIG: path('.docker'),
    XDG_CONFIG_HOME: path('config'),
    XDG_CACHE_HOME: path('cache'),
    XDG_DATA_HOME: path('data'),
    COSIGN_PASSWORD: '',
  };
  const runsWith = (program: string): Run => {
    return (...parameters) => runCommand([program, ...parameters], { directory, environment });
  };
  const image = makeImage('for the Go clients');
  const { digest } = await pushSamples();
  const app = `${registry.host}/go/app`;

  async function pushSamples() {
    await client.pushImage('go/app', image, '1');
    await client.pushIndex(
      'go/app',
      makeIndex([image, makeImage('arm', { architecture: 'arm64' })]),
      'multi',
    );
    return image.descriptor;
  }

  await t.test('crane copies, lists, tags, validates and deletes', async () => {
    const crane = runsWith(await buildGoClient('crane'));
    assert.equal((await crane('digest', `${app}:1`)).stdout.trim(), digest);
    await crane('copy', `${app}:multi`, `${registry.host}/go/copy:multi`);
    await crane('pull', '--format', 'oci', `${app}:1`, path('pulled'));
    await crane('push', path('pulled'), `${registry.host}/go/pushed:1`);
    await crane('validate', '--remote', `${registry.host}/go/pushed:1`);
    await crane('tag', `${app}:1`, 'stable');
    assert.deepEqual((await crane('ls', app)).stdout.trim().split('\n').sort(), ['1', 'multi', 'stable']);
    assert.match((await crane('catalog', registry.host)).stdout, /^go\/copy$/m);
    await writeFile(path('file'), 'appended\n');
    await runCommand(['tar', '--create', '--file', path('layer.tar'), '--directory', directory, 'file']);
    const append = ['append', '--base', `${app}:1`, '--new_layer', path('layer.tar')];
    await crane(...append, '--new_tag', `${registry.host}/go/appended:1`);
    await crane('validate', '--remote', `${registry.host}/go/appended:1`);
    await crane('delete', `${registry.host}/go/pushed@${digest}`);
    assert.equal((await client.send('GET', '/v2/go/pushed/manifests/1')).status, 404);
  });

  await t.test('oras pushes, attaches, discovers and pulls', async () => {
    const oras = runsWith(await buildGoClient('oras'));
    await writeFile(path('notes.txt'), 'pushed by oras\n');
    await writeFile(path('sbom.json'), '{"packages": []}');
    const artifact = `${registry.host}/go/oras:1`;
    await oras(
      'push',
      '--plain-http',
      '--artifact-type',
      'application/x-notes',
      artifact,
      'notes.txt:text/plain',
    );
    const attach = ['attach', '--plain-http', '--artifact-type', 'application/x-sbom', artifact];
    await oras(...attach, 'sbom.json:application/json');
    const discovered = await oras('discover', '--plain-http', '--format', 'json', artifact);
    assert.match(discovered.stdout, /application\/x-sbom/);
    await mkdir(path('back'));
    await oras('pull', '--plain-http', '--output', path('back'), artifact);
    assert.equal(await readFile(path('back', 'notes.txt'), 'utf8'), 'pushed by oras\n');
    await oras(
      'cp',
      '--recursive',
      '--from-plain-http',
      '--to-plain-http',
      artifact,
      `${registry.host}/go/oras2:1`,
    );
    const copied = await oras('discover', '--plain-http', '--format', 'json', `${registry.host}/go/oras2:1`);
    assert.match(copied.stdout, /application\/x-sbom/);
  });

  await t.test(
    'what oras attached is in the referrers answer, without a tag',
    { skip: notInReference },
    async () => {
      assert.deepEqual(await client.listTags('go/oras'), ['1']);
      const subject = (await client.getManifest('go/oras', '1')).digest;
      const referrers = await client.send('GET', `/v2/go/oras/referrers/${subject}`);
      assert.equal(referrers.headers.get('content-type'), mediaTypes.index);
      assert.match(await referrers.text(), /"artifactType":"application\/x-sbom"/);
    },
  );

  await t.test('helm pushes a chart and pulls it', async () => {
    const helm = runsWith(await buildGoClient('helm'));
    await mkdir(path('demo', 'templates'), { recursive: true });
    await writeFile(path('demo', 'Chart.yaml'), 'apiVersion: v2\nname: demo\nversion: 0.1.0+build.1\n');
    await writeFile(path('demo', 'templates', 'none.yaml'), '# nothing\n');
    await helm('package', 'demo');
    await helm('push', '--plain-http', 'demo-0.1.0+build.1.tgz', `oci://${registry.host}/charts`);
    assert.deepEqual(await client.listTags('charts/demo'), ['0.1.0_build.1']);
    await mkdir(path('charts'));
    const pull = ['pull', '--plain-http', '--version', '0.1.x', '--destination', path('charts')];
    await helm(...pull, `oci://${registry.host}/charts/demo`);
    const pulled = await readFile(path('charts', 'demo-0.1.0+build.1.tgz'));
    assert.deepEqual(pulled, await readFile(path('demo-0.1.0+build.1.tgz')));
  });

  await t.test('cosign signs with a key and verifies', async () => {
    const cosign = runsWith(await buildGoClient('cosign'));
    const insecure = ['--allow-insecure-registry', '--allow-http-registry'];
    await cosign('generate-key-pair');
    const sign = ['sign', '--yes', '--key', 'cosign.key', '--tlog-upload=false', ...insecure];
    await cosign(...sign, `${app}@${digest}`);
    const verify = ['verify', '--key', 'cosign.pub', '--insecure-ignore-tlog=true', ...insecure];
    assert.match((await cosign(...verify, `${app}@${digest}`)).stdout, new RegExp(digest));
    const tags = await client.listTags('go/app');
    assert.ok(tags.includes(`${digest.replace(':', '-')}.sig`), tags.join());
    const unsigned = makeImage('not signed');
    await client.pushImage('go/app', unsigned, 'unsigned');
    await assert.rejects(cosign(...verify, `${app}:unsigned`), /no signatures found/);
  });
});
