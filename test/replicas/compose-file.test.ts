// docker-compose.yml: that compose understands it, that what it mounts is there and right, and who can reach what.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadConfiguration } from '../../config/load.ts';
import { runCommand, tryCommand } from '../support/command.ts';
import { whyNotHere } from '../support/system-packages.ts';

const root = join(import.meta.dirname, '..', '..');

const composeSchema = z.object({
  services: z.record(
    z.string(),
    z.object({
      image: z.string(),
      ports: z.array(z.string()).optional(),
      volumes: z.array(z.string()).optional(),
      environment: z.record(z.string(), z.string()).optional(),
      command: z.array(z.string()).optional(),
      healthcheck: z.object({}).optional(),
      restart: z.string().optional(),
      profiles: z.array(z.string()).optional(),
    }),
  ),
  volumes: z.record(z.string(), z.unknown()),
});

const { services, volumes } = composeSchema.parse(
  parse(await readFile(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }),
);

test('docker-compose 1.29 understands the file, without any setting', {
  skip: whyNotHere(['docker-compose']),
}, async () => {
  const { stdout } = await runCommand(['docker-compose', 'config'], { directory: root });
  const understood = composeSchema.omit({ services: true }).parse(parse(stdout));
  assert.deepEqual(Object.keys(understood.volumes).sort(), Object.keys(volumes).sort());
});

const plugin = await tryCommand(['docker', 'compose', 'version']).catch(() => undefined);
test('the compose plug-in of docker understands the file', {
  skip: plugin?.code === 0 ? false : 'docker has no compose plug-in here',
}, async () => {
  await runCommand(['docker', 'compose', 'config', '--quiet'], { directory: root });
});

test('everything that is mounted is in the project, or a volume of its own', () => {
  for (const [name, { volumes: mounts = [] }] of Object.entries(services)) {
    // It looks at the machine.
    if (name === 'cadvisor') continue;
    for (const mount of mounts) {
      const [source = ''] = mount.split(':');
      const isThere = source.startsWith('./') ? existsSync(join(root, source)) : source in volumes;
      assert.ok(isThere, `${name} mounts ${source}`);
    }
  }
});

test('only the balancer and the pages of the monitoring are published, and only on this machine unless the first is changed', () => {
  for (const [name, { ports = [] }] of Object.entries(services)) {
    const expected: Readonly<Record<string, string>> = {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: what compose replaces
      nginx: '${BERTH_ADDRESS:-127.0.0.1}:${BERTH_PORT:-5000}:5000',
      prometheus: '127.0.0.1:9090:9090',
      grafana: '127.0.0.1:3000:3000',
    };
    assert.deepEqual(ports, name in expected ? [expected[name]] : [], name);
  }
});

test('everything that runs on has a health check, and comes back', () => {
  for (const [name, { healthcheck, restart }] of Object.entries(services)) {
    if (name === 'secrets-check') continue;
    assert.ok(healthcheck, name);
    assert.equal(restart, 'unless-stopped', name);
  }
});

test('the monitoring comes up only with its profile', () => {
  for (const [name, { profiles = [] }] of Object.entries(services)) {
    const isMonitoring = ['prometheus', 'grafana', 'cadvisor'].includes(name);
    assert.deepEqual(profiles, isMonitoring ? ['monitoring'] : [], name);
  }
});

test('the configuration of the replicas is valid with the variables that they are given, without a warning', async () => {
  const path = join(root, 'deploy', 'berth.yml');
  const { environment = {} } = services['berth-1'] ?? {};
  const { configuration, warnings } = loadConfiguration({
    file: { path, text: await readFile(path, 'utf8') },
    environment: Object.fromEntries(
      Object.entries(environment).map(([name, value]) => [name, defaultOf(value)]),
    ),
  });
  assert.deepEqual(warnings, []);
  assert.equal(configuration.storage.driver.name, 's3');
  assert.equal(configuration.redis?.password, 'only-for-localhost');
  assert.match(JSON.stringify(configuration.storage.driver), /"secretkey":"0{64}"/);
});

test('secrets that anybody can read here end the start when others may reach the registry', async () => {
  const { command = [], environment = {} } = services['secrets-check'] ?? {};
  const script = (command.at(-1) ?? '').replaceAll('$$', '$');
  const SECRETS = defaultOf(environment['SECRETS'] ?? '');
  const check = async (variables: NodeJS.ProcessEnv) =>
    (await tryCommand(['sh', '-c', script], { environment: variables })).code;
  assert.equal(await check({ BERTH_ADDRESS: '127.0.0.1', SECRETS }), 0);
  assert.equal(await check({ BERTH_ADDRESS: '0.0.0.0', SECRETS }), 1);
  assert.equal(await check({ BERTH_ADDRESS: '0.0.0.0', SECRETS: 'f00d my own' }), 0);
});

/** What compose makes of a value when no variable is set. */
function defaultOf(value: string): string {
  return value.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1');
}
