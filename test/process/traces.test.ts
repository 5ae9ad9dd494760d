// Traces as an operator turns them on: by the variables of OpenTelemetry alone.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startRedisServer } from '../support/redis-server.ts';
import { digestOf } from '../support/sample-image.ts';
import { freePort, temporaryDirectory } from '../support/service.ts';
import { whyNotHere } from '../support/system-packages.ts';
import { type CollectedSpan, startTraceCollector } from '../support/trace-collector.ts';
import { berth, run } from './berth-process.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const CONTENT = Buffer.from('a layer');
const SERVER = 2;
const ERROR = 2;

test('a request is a span, what it did in the store are spans below it, and its log line names them', async (t) => {
  const collector = await startTraceCollector(t);
  const { server, url } = await start(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_SERVICE_NAME: 'registry-of-the-test',
  });
  const headers = { traceparent: `00-${TRACE}-${PARENT}-01`, 'content-type': 'application/octet-stream' };
  const push = await fetch(`${url}/v2/some/app/blobs/uploads/?digest=${digestOf(CONTENT)}&token=hidden`, {
    method: 'POST',
    headers,
    body: CONTENT,
  });
  assert.equal(push.status, 201);
  await server.printed('"http.response.status":201');
  await stop(server);

  assert.deepEqual([...collector.services], ['registry-of-the-test']);
  const spans = collector.spans.filter((span) => span.traceId === TRACE);
  const request = spans.find((span) => span.kind === SERVER);
  assert.ok(request !== undefined, JSON.stringify(spans.map(({ name }) => name)));
  assert.equal(request.name, 'POST /v2/*name/blobs/uploads');
  assert.equal(request.parentSpanId, PARENT, 'the trace of the client goes on');
  assert.equal(request.attributes['http.response.status_code'], 201);
  assert.equal(request.attributes['url.path'], '/v2/some/app/blobs/uploads/');
  assert.equal(request.attributes['http.request.body.size'], CONTENT.length);
  const steps = spans.filter((span) => span !== request);
  assert.ok(steps.some(({ name }) => name === 'storage append'));
  assert.ok(steps.some(({ name }) => name === 'storage commit'));
  for (const step of steps) {
    assert.equal(step.parentSpanId, request.spanId, step.name);
    assert.ok(step.endTimeUnixNano >= step.startTimeUnixNano, step.name);
    assert.ok(isAbout(request, step), step.name);
  }
  const line = lineAbout(server.stdout(), 'blobs/uploads');
  assert.equal(line['trace_id'], TRACE);
  assert.equal(line['span_id'], request.spanId);
  const told = JSON.stringify(collector.spans.map(({ name, attributes }) => ({ name, attributes })));
  assert.ok(!told.includes('hidden'), "a query is nobody's business");
});

test('what the registry does for itself is no trace, and the sampler of the environment counts', async (t) => {
  const collector = await startTraceCollector(t);
  const { server, url } = await start(t, {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
    OTEL_TRACES_SAMPLER: 'parentbased_always_off',
  });
  await fetch(`${url}/v2/`);
  const sampled = await fetch(`${url}/v2/`, { headers: { traceparent: `00-${TRACE}-${PARENT}-01` } });
  assert.equal(sampled.status, 200);
  await stop(server);
  assert.deepEqual([...new Set(collector.spans.map(({ traceId }) => traceId))], [TRACE]);
  assert.deepEqual([...collector.services], ['berth']);
});

test('scripts in Redis are spans, and one that fails says so', {
  skip: whyNotHere(['redis-server']),
}, async (t) => {
  const collector = await startTraceCollector(t);
  const redis = await startRedisServer(t);
  const { server, url } = await start(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    REGISTRY_REDIS_ADDR: `127.0.0.1:${redis.port}`,
  });
  const begun = await fetch(`${url}/v2/app/blobs/uploads/`, { method: 'POST' });
  const location = new URL(begun.headers.get('location') ?? '', url);
  const append = () => fetch(location, { method: 'PATCH', body: CONTENT });
  assert.equal((await append()).status, 202);
  await redis.kill();
  await server.printed('Redis is away');
  assert.equal((await append()).status, 503);
  await stop(server);
  const scripts = collector.spans.filter(({ name }) => name === 'redis EVAL');
  assert.ok(scripts.some(({ status }) => status.code !== ERROR));
  assert.ok(
    scripts.some(({ status, attributes }) => status.code === ERROR && attributes['error.type'] !== ''),
  );
  const refused = collector.spans.find(({ attributes }) => attributes['http.response.status_code'] === 503);
  assert.equal(refused?.status.code, ERROR);
});

test('a collector that is away costs one line, no request, and not the stop', async (t) => {
  const { server, url } = await start(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
    OTEL_BSP_SCHEDULE_DELAY: '50',
    OTEL_EXPORTER_OTLP_TIMEOUT: '500',
  });
  assert.equal((await fetch(`${url}/v2/`)).status, 200);
  await server.printed('traces do not arrive');
  assert.equal((await fetch(`${url}/v2/`)).status, 200);
  await stop(server);
  assert.equal(server.stdout().match(/traces do not arrive/g)?.length, 1);
});

test('without an endpoint there are no traces and no word of them', async (t) => {
  const { server, url } = await start(t, { OTEL_SERVICE_NAME: 'registry' });
  await fetch(`${url}/v2/`, { headers: { traceparent: `00-${TRACE}-${PARENT}-01` } });
  await stop(server);
  assert.doesNotMatch(server.stdout() + server.stderr(), /trace|otel/i);
});

async function start(t: TestContext, environment: NodeJS.ProcessEnv) {
  const port = await freePort();
  const server = run(t, [...berth, 'serve'], {
    directory: await temporaryDirectory(t),
    environment: { REGISTRY_HTTP_ADDR: `127.0.0.1:${port}`, ...environment },
  });
  await server.printed('Berth is up');
  return { server, url: `http://127.0.0.1:${port}` };
}

async function stop(server: ReturnType<typeof run>): Promise<void> {
  server.kill('SIGTERM');
  assert.equal(await server.exited, 0, server.stdout() + server.stderr());
}

/** Whether the step lies within the request, but for the difference between two clocks. */
function isAbout(request: CollectedSpan, step: CollectedSpan): boolean {
  const tolerance = 50_000_000n;
  return (
    step.startTimeUnixNano + tolerance >= request.startTimeUnixNano &&
    step.startTimeUnixNano <= request.endTimeUnixNano + tolerance
  );
}

function lineAbout(log: string, path: string): Record<string, unknown> {
  const line = log.split('\n').find((text) => text.includes(path) && text.includes('"msg":"request"'));
  return JSON.parse(line ?? '{}');
}
