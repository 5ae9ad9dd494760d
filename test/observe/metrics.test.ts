// The figures of a running server: names and labels of the `registry` image, and what is counted under them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import { loadConfiguration } from '../../config/load.ts';
import { type RunningServer, startServer } from '../../src/compose.ts';
import { createLog } from '../../src/observe/log.ts';
import { createStorageMetrics } from '../../src/observe/metrics/storage-metrics.ts';
import { DriverError } from '../../storage-drivers/errors.ts';
import { clientOf, type Http } from '../support/app.ts';
import { tryCommand } from '../support/command.ts';
import { beginUpload, blobOf, pushImage } from '../support/content.ts';
import { startRedisServer, until } from '../support/redis-server.ts';
import { temporaryDirectory } from '../support/service.ts';
import { whyNotHere } from '../support/system-packages.ts';

interface Scraped {
  /** The value of a series, spelled as on the page; 0 if it is not there. */
  value(series: string): number;
  readonly text: string;
}

interface Measured {
  readonly http: Http;
  readonly port: number;
  readonly server: RunningServer;
  scrape(): Promise<Scraped>;
}

/** A server as the command line would start it, in memory, with its figures on an address of their own. */
async function start(t: TestContext, settings: Readonly<Record<string, string>> = {}): Promise<Measured> {
  const environment = {
    REGISTRY_HTTP_ADDR: '127.0.0.1:0',
    REGISTRY_HTTP_DEBUG_ADDR: '127.0.0.1:0',
    REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'true',
    REGISTRY_STORAGE: 'inmemory',
    REGISTRY_HTTP_DRAINTIMEOUT: '0',
    ...settings,
  };
  const { configuration } = loadConfiguration({ environment });
  const log = createLog({ level: 'error', format: 'json', fields: {} }, () => undefined);
  const server = await startServer(configuration, log);
  t.after(() => server.close());
  const port = server.port ?? 0;
  return { http: clientOf(`http://127.0.0.1:${port}`), port, server, scrape: () => scrape(server) };
}

async function scrape({ debugAddress }: RunningServer): Promise<Scraped> {
  const response = await fetch(`http://${debugAddress}/metrics`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  const lines = text.split('\n');
  return {
    text,
    value: (series) =>
      Number(
        lines
          .find((line) => line.startsWith(`${series} `))
          ?.split(' ')
          .at(-1) ?? 0,
      ),
  };
}

/** The end of a request is counted when its connection is done with it, which may be after the client has its answer. */
async function eventually(measured: Measured, series: string, wanted: number): Promise<Scraped> {
  let seen = await measured.scrape();
  await until(async () => {
    seen = await measured.scrape();
    return seen.value(series) === wanted;
  });
  return seen;
}

test('requests are counted by the names of the registry image, with route, status and method', async (t) => {
  const storage = { REGISTRY_STORAGE: `{ filesystem: { rootdirectory: ${await temporaryDirectory(t)} } }` };
  const measured = await start(t, storage);
  const { http } = measured;
  const { layer } = await pushImage(http, 'some/app', 'latest');
  await http.get('/v2/').expect(200);
  await http.get('/v2/some/app/manifests/latest').expect(200);
  await http.head('/v2/some/app/manifests/latest').expect(200);
  await http.get(`/v2/some/app/blobs/${layer}`).expect(200);
  await http.get('/v2/some/app/tags/list').expect(200);
  await http.get('/v2/_catalog').expect(200);
  await http.get('/nothing').expect(404);
  const total = (handler: string, code: number, method: string) =>
    `registry_http_requests_total{handler="${handler}",code="${code}",method="${method}"}`;
  const page = await eventually(measured, total('none', 404, 'get'), 1);
  for (const [handler, code, method] of [
    ['base', 200, 'get'],
    ['manifest', 200, 'get'],
    ['manifest', 200, 'head'],
    ['manifest', 201, 'put'],
    ['blob', 200, 'get'],
    ['tags', 200, 'get'],
    ['catalog', 200, 'get'],
  ] as const) {
    assert.equal(page.value(total(handler, code, method)), 1, `${handler} ${code} ${method}`);
  }
  assert.equal(page.value('registry_http_request_duration_seconds_count{handler="base",method="get"}'), 1);
  assert.equal(page.value('registry_http_response_size_bytes_sum{handler="base"}'), 2);
  assert.ok(page.value('registry_http_request_size_bytes_sum{handler="manifest"}') > 100);
  assert.ok(page.value('registry_storage_action_seconds_count{driver="filesystem",action="PutContent"}') > 0);
  assert.ok(page.value('registry_storage_cache_requests_total') >= 1);
  assert.doesNotMatch(
    page.text,
    /some\/app|latest|sha256:/,
    'no label names a repository, a tag or a digest',
  );
});

test('a method that is made up gets no label of its own', async (t) => {
  const measured = await start(t);
  for (const method of ['PURGE', 'PROPFIND']) {
    const made = request({
      host: '127.0.0.1',
      port: measured.port,
      method,
      path: '/v2/',
      agent: false,
    }).end();
    const [response] = await once(made, 'response');
    response.resume();
  }
  const series = 'registry_http_requests_total{handler="none",code="405",method="unknown"}';
  const page = await eventually(measured, series, 2);
  assert.doesNotMatch(page.text, /purge|propfind/i);
});

test('the bytes of a transfer are counted while it runs', async (t) => {
  const measured = await start(t);
  const { http, port } = measured;
  const content = Buffer.alloc(300_000, 'berth');
  const path = await beginUpload(http, 'app');
  assert.equal((await measured.scrape()).value('berth_uploads_open'), 1);
  const upload = request({
    host: '127.0.0.1',
    port,
    method: 'PUT',
    path: `${path}?digest=${blobOf(content).digest}`,
    headers: { 'content-length': content.length },
    agent: false,
  });
  upload.write(content.subarray(0, 100_000));
  const received = 'berth_http_received_bytes_total{handler="blob_upload_chunk"}';
  const during = await eventually(measured, received, 100_000);
  assert.equal(during.value('registry_http_in_flight_requests{handler="blob_upload_chunk"}'), 1);
  upload.end(content.subarray(100_000));
  const [response] = await once(upload, 'response');
  assert.equal(response.statusCode, 201);
  response.resume();
  const series = 'registry_http_requests_total{handler="blob_upload_chunk",code="201",method="put"}';
  const after = await eventually(measured, series, 1);
  assert.equal(after.value(received), content.length);
  assert.equal(after.value('registry_http_in_flight_requests{handler="blob_upload_chunk"}'), 0);
  assert.equal(after.value('berth_uploads_open'), 0);
  await http.get(`/v2/app/blobs/${blobOf(content).digest}`).expect(200);
  await eventually(measured, 'berth_http_sent_bytes_total{handler="blob"}', content.length);
});

test('logins and tokens are counted by how they ended, and by nothing else', async (t) => {
  const measured = await start(t, { REGISTRY_AUTH: 'berth' });
  const { http, server } = measured;
  const { name = '', password = '' } = server.firstAdministrator ?? {};
  await http.get('/auth/token?service=berth').auth(name, password).expect(200);
  await http.get('/auth/token?service=berth').auth(name, 'something else').expect(401);
  const page = await measured.scrape();
  for (const series of [
    'berth_logins_total{result="succeeded"}',
    'berth_logins_total{result="failed"}',
    'berth_token_requests_total{result="issued"}',
    'berth_token_requests_total{result="refused"}',
  ]) {
    assert.equal(page.value(series), 1, series);
  }
  assert.equal(page.value('berth_logins_total{result="limited"}'), 0);
  assert.ok(!page.text.includes(name));
});

test('failures of the store are counted by their reason; what is not there and what the client did are none', async () => {
  const registry = new Registry();
  const { onAction, cache } = createStorageMetrics(registry, 's3');
  const failure = (code: 'keyNotFound' | 'noSpace') =>
    new DriverError(code, { driver: 's3', action: 'append', key: 'k' });
  onAction('append', 0.1, failure('noSpace'));
  onAction('append', 0.1, failure('keyNotFound'));
  onAction('append', 0.1, new Error('aborted'));
  cache.asked(true);
  cache.asked(false);
  cache.failed();
  const text = await registry.metrics();
  const errors = text.split('\n').filter((line) => line.startsWith('berth_storage_errors_total{'));
  assert.deepEqual(errors, ['berth_storage_errors_total{driver="s3aws",action="Writer",code="noSpace"} 1']);
  assert.match(text, /^registry_storage_action_seconds_count\{driver="s3aws",action="Writer"\} 3$/m);
  assert.match(text, /^registry_storage_cache_requests_total 2$/m);
  assert.match(text, /^registry_storage_cache_hits_total 1$/m);
  assert.match(text, /^registry_storage_cache_errors_total 1$/m);
});

test('a check that fails is a figure of its own', async (t) => {
  const check = '[{ file: /proc/self/status, interval: 10ms }, { file: /nothing/here, interval: 10ms }]';
  const measured = await start(t, { REGISTRY_HEALTH_FILE: check });
  const page = await eventually(measured, 'berth_health_check_failing{check="file 0"}', 1);
  assert.match(page.text, /^berth_health_check_failing\{check="file 1"\} 0$/m);
  const health = await fetch(`http://${measured.server.debugAddress}/debug/health`);
  assert.equal(health.status, 503);
  assert.deepEqual(await health.json(), { 'file 0': 'the file exists' });
});

test('each server has its own figures', async (t) => {
  const [one, other] = [await start(t), await start(t)];
  await one.http.get('/v2/').expect(200);
  const series = 'registry_http_requests_total{handler="base",code="200",method="get"}';
  await eventually(one, series, 1);
  assert.equal((await other.scrape()).value(series), 0);
});

test('every figure is on the page for those who watch it', async () => {
  const { createMetrics } = await import('../../src/observe/metrics/metrics.ts');
  const { text } = await createMetrics({ driver: 'memory', hasRedis: true }).page();
  const page = await readFile(join(import.meta.dirname, '../../docs/observing.md'), 'utf8');
  // Some rows name the first of several whole, and of the others the end.
  const documented = new Set([...page.matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => name));
  const isDocumented = (name: string) =>
    documented.has(name) || [...documented].some((end) => end.startsWith('_') && name.endsWith(end));
  const names = [...text.matchAll(/^# TYPE ((?:registry|berth)_\w+) /gm)].map(([, name = '']) => name);
  assert.ok(names.length >= 19, names.join());
  assert.deepEqual(
    names.filter((name) => !isDocumented(name)),
    [],
  );
});

test('without prometheus.enabled there are no figures, and the rest is there', async (t) => {
  const { server } = await start(t, { REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'false' });
  assert.equal((await fetch(`http://${server.debugAddress}/metrics`)).status, 404);
  assert.equal((await fetch(`http://${server.debugAddress}/debug/ready`)).status, 200);
});

describe('Redis', { skip: whyNotHere(['redis-server']) }, () => {
  test('its scripts, failures and outages are counted', async (t) => {
    const redis = await startRedisServer(t);
    const measured = await start(t, { REGISTRY_REDIS_ADDR: `127.0.0.1:${redis.port}` });
    assert.equal((await measured.scrape()).value('berth_redis_up'), 1);
    const location = await beginUpload(measured.http, 'app');
    await pushImage(measured.http, 'app', 'latest');
    assert.ok((await measured.scrape()).value('berth_redis_script_seconds_count') > 0);
    await redis.kill();
    const page = await eventually(measured, 'berth_redis_up', 0);
    assert.equal(page.value('berth_redis_outages_total'), 1);
    const before = page.value('berth_redis_errors_total');
    await measured.http.patch(location).send('x').expect(503);
    assert.ok((await measured.scrape()).value('berth_redis_errors_total') > before);
  });
});

describe('promtool', { skip: whyNotHere(['promtool']) }, () => {
  test('finds nothing to say about our own figures', async (t) => {
    const measured = await start(t, { REGISTRY_AUTH: 'berth' });
    await measured.http.get('/v2/').expect(401);
    const { text } = await measured.scrape();
    const { code, stdout, stderr } = await tryCommand(['promtool', 'check', 'metrics'], { input: text });
    // 3: it was read, and there is something to say. What prom-client calls the handles of Node is not ours to name.
    assert.ok(code === 0 || code === 3, stderr);
    const said = (stdout + stderr).split('\n').filter((line) => line !== '' && !line.startsWith('nodejs_'));
    assert.deepEqual(said, []);
  });
});
