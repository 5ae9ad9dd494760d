// deploy/monitoring: rules that fire for real faults and only then, and a dashboard without a panel that stays empty, both by
// Debian's Prometheus. What cAdvisor would say is a page in its format: it is no Debian package.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { runCommand } from '../support/command.ts';
import { type Cleaner, inReverse, privateDirectory, startDaemon } from '../support/processes.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { createRegistryClient } from '../support/registry-client.ts';
import { makeImage } from '../support/sample-image.ts';
import { freePort, startBerth } from '../support/service.ts';
import { findProgram, whyNotHere } from '../support/system-packages.ts';

const folder = join(import.meta.dirname, '../../deploy/monitoring');

/** Long enough for a slow machine; it takes some seconds. */
const LIMIT_MS = 60_000;

test('Prometheus takes the configuration and the rules, and each rule fires for its fault alone', {
  skip: whyNotHere(['promtool']),
}, async () => {
  const inFolder = { directory: folder };
  await runCommand(['promtool', 'check', 'config', '--syntax-only', 'prometheus.yml'], inFolder);
  await runCommand(['promtool', 'check', 'rules', 'alerts.yml'], inFolder);
  await runCommand(['promtool', 'test', 'rules', 'alerts.test.yml'], inFolder);
});

test('every rule has its test', async () => {
  const rules = await readFile(join(folder, 'alerts.yml'), 'utf8');
  const tests = await readFile(join(folder, 'alerts.test.yml'), 'utf8');
  const names = [...rules.matchAll(/alert: (\w+)/g)].map(([, name = '']) => name);
  assert.ok(names.length > 8);
  for (const name of names) assert.ok(tests.includes(`alertname: ${name}\n`), name);
});

const dashboardSchema = z.object({
  panels: z.array(
    z.object({
      title: z.string(),
      type: z.string(),
      gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
      datasource: z.object({ uid: z.string() }).optional(),
      targets: z.array(z.object({ expr: z.string() })).default([]),
    }),
  ),
});

const dashboard = dashboardSchema.parse(
  JSON.parse(await readFile(join(folder, 'grafana/dashboards/berth.json'), 'utf8')),
);

test('the panels of the dashboard ask the source that is provisioned, and lie beside each other', async () => {
  const sources = z
    .object({ datasources: z.array(z.object({ uid: z.string() })) })
    .parse(parse(await readFile(join(folder, 'grafana/provisioning/datasources/prometheus.yml'), 'utf8')));
  const taken = new Set<string>();
  for (const { title, type, datasource, gridPos } of dashboard.panels) {
    if (type !== 'row') assert.equal(datasource?.uid, sources.datasources[0]?.uid, title);
    const place = `${gridPos.x} ${gridPos.y}`;
    assert.ok(!taken.has(place), `${title} lies over another panel`);
    taken.add(place);
  }
});

test('no panel of the dashboard and no rule is without data once a registry was used', {
  skip: whyNotHere(['prometheus', 'redis-server']),
}, async (t) => {
  const registry = await startMeasuredRegistry(t);
  const prometheus = await startPrometheus(t, registry.debugPort);
  const queries = dashboard.panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => ({
      title,
      query: expr.replaceAll('$__rate_interval', '10s').replaceAll('$instance', '.*'),
    })),
  );
  assert.ok(queries.length > 25);
  const limit = Date.now() + LIMIT_MS;
  let empty = queries;
  while (empty.length > 0 && Date.now() < limit) {
    await registry.use();
    await sleep(500);
    const answers = await Promise.all(empty.map(({ query }) => prometheus.ask(query)));
    empty = empty.filter((_, index) => !answers[index]);
  }
  assert.deepEqual(empty, []);

  const rules = await readFile(join(folder, 'alerts.yml'), 'utf8');
  // Refusals of the store are counted from the first one on, and there is none here.
  const names = new Set(
    [...rules.matchAll(/\b(?:up|(?:berth|registry|nodejs|process)_\w+)(?=[{[ ])/g)].map(([name]) => name),
  );
  names.delete('berth_storage_errors_total');
  for (const name of names)
    assert.ok(await prometheus.ask(name), `${name}, which a rule asks for, is not there`);
});

/** A registry with Redis, metrics and a health check, and something to do for it. */
async function startMeasuredRegistry(cleaner: Cleaner) {
  const orderly = inReverse(cleaner);
  const directory = await privateDirectory('measured', orderly);
  const redis = await startRedisServer(orderly);
  const debugPort = await freePort();
  const port = await freePort();
  const service = await startBerth({
    directory,
    port,
    configuration: {
      http: {
        addr: `127.0.0.1:${port}`,
        debug: { addr: `127.0.0.1:${debugPort}`, prometheus: { enabled: true } },
      },
      redis: { addr: `127.0.0.1:${redis.port}` },
      health: { storagedriver: { enabled: true, interval: '1s' } },
    },
  });
  orderly.after(async () => void (await service.stop()));
  const client = createRegistryClient(service.url);
  let count = 0;
  return {
    debugPort,
    async use(): Promise<void> {
      count += 1;
      const image = makeImage(`content ${count}`);
      await client.pushImage('demo/app', image, '1');
      await client.getManifest('demo/app', '1');
      for (const digest of image.blobs.keys()) await client.getBlob('demo/app', digest);
      await client.listTags('demo/app');
    },
  };
}

/** Prometheus with the configuration that is deployed, asking more often and at addresses of the test. */
async function startPrometheus(cleaner: Cleaner, debugPort: number) {
  const orderly = inReverse(cleaner);
  const directory = await privateDirectory('prometheus', orderly);
  const containers = createServer((_, response) => response.end(cadvisorPage())).listen(0, '127.0.0.1');
  await once(containers, 'listening');
  orderly.after(async () => {
    containers.close();
    containers.closeAllConnections();
  });
  const address = containers.address();
  const targets = {
    berth: `127.0.0.1:${debugPort}`,
    cadvisor: `127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`,
  };
  const deployed = deployedSchema.parse(parse(await readFile(join(folder, 'prometheus.yml'), 'utf8')));
  const configuration = {
    ...deployed,
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [join(folder, 'alerts.yml')],
    scrape_configs: deployed.scrape_configs.map((job) => ({
      ...job,
      static_configs: [{ targets: [targets[job.job_name]] }],
    })),
  };
  const file = join(directory, 'prometheus.yml');
  await writeFile(file, stringify(configuration));
  const url = `http://127.0.0.1:${await freePort()}`;
  const command = [findProgram('prometheus') ?? 'prometheus', `--config.file=${file}`];
  command.push(`--storage.tsdb.path=${join(directory, 'data')}`, `--web.listen-address=${new URL(url).host}`);
  const answers = async () => assert.ok((await fetch(`${url}/-/ready`)).ok);
  await startDaemon(command, {}, answers, orderly);
  return {
    /** Whether the query gives a number, now. */
    async ask(query: string): Promise<boolean> {
      const response = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query })}`);
      const { data } = answerSchema.parse(await response.json());
      return data.result.some(({ value: [, value] }) => Number.isFinite(Number(value)));
    },
  };
}

const deployedSchema = z.object({
  scrape_configs: z.array(z.looseObject({ job_name: z.enum(['berth', 'cadvisor']) })),
});

const answerSchema = z.object({
  status: z.literal('success'),
  data: z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) }),
});

/** Some of what cAdvisor says of a container and of the machine (docs/storage/prometheus.md of cAdvisor). */
function cadvisorPage(): string {
  const seconds = process.uptime();
  const labels = (name: string) => `id="/docker/${name}",image="berth",name="${name}"`;
  return `# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{cpu="total",${labels('berth-1')}} ${seconds / 10}
container_cpu_usage_seconds_total{cpu="total",id="/system.slice"} ${seconds / 5}
# TYPE container_memory_working_set_bytes gauge
container_memory_working_set_bytes{${labels('berth-1')}} 1.2e+08
# TYPE container_network_transmit_bytes_total counter
container_network_transmit_bytes_total{${labels('berth-1')},interface="eth0"} ${Math.round(seconds * 1000)}
`;
}
