// What the guides hand out as files: the systemd unit, the Kubernetes manifests, the settings; and that their links lead somewhere.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { loadConfiguration } from '../../config/load.ts';
import { tryCommand } from '../support/command.ts';
import { temporaryDirectory } from '../support/service.ts';
import { guidesFolder, readGuides } from './blocks.ts';

const root = join(import.meta.dirname, '../..');
const guides = await readGuides();

test('every page is in the list of pages, and every link of a page leads to a file', () => {
  const list = guides.get('README')?.text ?? '';
  for (const { name, text } of guides.values()) {
    if (name !== 'README') assert.ok(list.includes(`(${name}.md)`), name);
    for (const [, target = ''] of text.matchAll(/\]\(([^)#:]+)(?:#[\w-]+)?\)/g)) {
      assert.ok(existsSync(join(guidesFolder, target)), `${name}: ${target}`);
    }
  }
});

test('the settings in the pages are in order', () => {
  const settings = [...guides.values()].flatMap(({ blocks }) =>
    blocks.flatMap(({ text }) => {
      if (text.startsWith('version: 0.1')) return [text];
      return [...text.matchAll(/^version: 0\.1\n[\s\S]*?(?=^END$)/gm)].map(([inner]) => inner);
    }),
  );
  assert.ok(settings.length >= 3);
  for (const text of settings) {
    const { warnings } = loadConfiguration({ file: { path: 'config.yml', text }, environment: {} });
    assert.deepEqual(warnings, []);
  }
});

test('other YAML and JSON in the pages can be read', () => {
  for (const { blocks } of guides.values()) {
    for (const { language, text } of blocks) {
      if (language === 'yaml') parse(text);
      if (language === 'json') JSON.parse(text);
    }
  }
});

const analyzer = await tryCommand(['systemd-analyze', '--version']).catch(() => undefined);
test('systemd finds nothing wrong with the unit', {
  skip: analyzer?.code === 0 ? false : 'there is no systemd-analyze here',
}, async (t) => {
  const directory = await temporaryDirectory(t);
  const unit = await readFile(join(root, 'deploy/berth.service'), 'utf8');
  const file = join(directory, 'berth.service');
  await writeFile(file, unit.replaceAll('/opt/berth', root));
  const { code, stderr } = await tryCommand(['systemd-analyze', 'verify', file]);
  assert.equal(`${code} ${stderr}`, '0 ');
});

const manifestSchema = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.object({ name: z.string(), namespace: z.string().optional() }),
});

const deploymentSchema = z.object({
  kind: z.literal('Deployment'),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    selector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
    template: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()) }),
      spec: z.object({
        terminationGracePeriodSeconds: z.number().optional(),
        securityContext: z.object({ runAsNonRoot: z.literal(true), runAsUser: z.number().min(1) }),
        containers: z.array(
          z.object({
            ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
            livenessProbe: z.object({ httpGet: z.object({ path: z.string(), port: z.string() }) }).optional(),
            readinessProbe: z.object({
              httpGet: z.object({ path: z.string(), port: z.string() }).optional(),
            }),
            securityContext: z.object({
              allowPrivilegeEscalation: z.literal(false),
              readOnlyRootFilesystem: z.literal(true),
              capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
            }),
          }),
        ),
      }),
    }),
  }),
});

const serviceSchema = z.object({
  kind: z.literal('Service'),
  spec: z.object({
    selector: z.record(z.string(), z.string()),
    ports: z.array(z.object({ port: z.number(), targetPort: z.string() })),
  }),
});

const manifests = (
  await Promise.all(
    ['namespace', 'configuration', 'redis', 'berth'].map((name) =>
      readFile(join(root, `deploy/kubernetes/${name}.yaml`), 'utf8'),
    ),
  )
).flatMap((text) => parseAllDocuments(text).map((document): unknown => document.toJS()));
const deployments = manifests.flatMap((one) => deploymentSchema.safeParse(one).data ?? []);
const services = manifests.flatMap((one) => serviceSchema.safeParse(one).data ?? []);

test('the manifests are whole, all in one namespace, and none is left out of the kustomization', async () => {
  const { resources } = z
    .object({ resources: z.array(z.string()) })
    .parse(parse(await readFile(join(root, 'deploy/kubernetes/kustomization.yaml'), 'utf8')));
  assert.deepEqual(resources, ['namespace.yaml', 'configuration.yaml', 'redis.yaml', 'berth.yaml']);
  for (const one of manifests) {
    const { kind, metadata } = manifestSchema.parse(one);
    assert.equal(kind === 'Namespace' ? metadata.name : metadata.namespace, 'berth');
  }
  assert.equal(manifests.length, 7);
  assert.deepEqual([deployments.length, services.length], [2, 2]);
});

test('services find their pods, and ports have the names that they are called by', () => {
  for (const { spec } of services) {
    const target = deployments.find(
      ({ spec: { template } }) => template.metadata.labels['app'] === spec.selector['app'],
    );
    const names =
      target?.spec.template.spec.containers.flatMap(({ ports }) => ports.map(({ name }) => name)) ?? [];
    for (const { targetPort } of spec.ports) assert.ok(names.includes(targetPort), targetPort);
  }
  for (const { spec } of deployments) {
    assert.deepEqual(spec.template.metadata.labels, spec.selector.matchLabels);
  }
});

test('the configuration of the pods is in order, and agrees with their ports, their probes and their patience', async () => {
  const map = manifests.find((one) => manifestSchema.parse(one).kind === 'ConfigMap');
  const { data } = z.object({ data: z.object({ 'config.yml': z.string() }) }).parse(map);
  const secrets = {
    REGISTRY_STORAGE_S3_ACCESSKEY: 'a',
    REGISTRY_STORAGE_S3_SECRETKEY: 'b',
    REGISTRY_REDIS_PASSWORD: 'c',
  };
  const { configuration, warnings } = loadConfiguration({
    file: { path: 'config.yml', text: data['config.yml'] },
    environment: secrets,
  });
  assert.deepEqual(warnings, []);
  assert.ok(configuration.redis !== undefined && configuration.storage.driver.name === 's3');
  const pod = deployments.find(({ metadata }) => metadata.name === 'berth')?.spec.template.spec;
  const [container] = pod?.containers ?? [];
  const ports = new Map(container?.ports.map(({ name, containerPort }) => [name, containerPort]));
  assert.deepEqual(configuration.http.listen, { net: 'tcp', port: ports.get('http') });
  assert.equal(configuration.http.debug.addr?.port, ports.get('debug'));
  assert.deepEqual(container?.livenessProbe?.httpGet, { path: '/debug/live', port: 'debug' });
  assert.deepEqual(container?.readinessProbe.httpGet, { path: '/debug/ready', port: 'debug' });
  assert.ok((pod?.terminationGracePeriodSeconds ?? 0) * 1000 > configuration.http.draintimeout);
  // What the guide has people put into the secret is what the registry and Redis read.
  const page = guides.get('kubernetes')?.text ?? '';
  for (const name of Object.keys(secrets)) assert.ok(page.includes(`--from-literal=${name}=`), name);
});

const kubectl = await tryCommand(['kubectl', 'version', '--client']).catch(() => undefined);
test('kubectl puts the manifests together', {
  skip: kubectl?.code === 0 ? false : 'there is no kubectl here',
}, async () => {
  const { code, stdout } = await tryCommand(['kubectl', 'kustomize', join(root, 'deploy/kubernetes')]);
  assert.equal(code, 0);
  assert.equal(stdout.match(/^kind:/gm)?.length, manifests.length);
});
