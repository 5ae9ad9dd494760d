// The bench does what it says. Its figures are not looked at: no test depends on a time.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';
import { openConnection, WrongAnswer } from '../../bench/load/connection.ts';
import { parseOptions, UsageError } from '../../bench/options.ts';
import { readCpuSeconds, readResidentBytes } from '../../bench/processes.ts';
import { summarize } from '../../bench/statistics.ts';
import { temporaryDirectory } from '../support/service.ts';
import { whyNotHere } from '../support/system-packages.ts';

const QUICK_LIMIT_MS = 120_000;
const bench = join(import.meta.dirname, '../../bench/run.ts');

const spread = z.object({ median: z.number(), min: z.number(), max: z.number() });
const report = z.object({
  machine: z.object({
    cores: z.int().min(1),
    memoryBytes: z.int(),
    fileSystem: z.string(),
    kernel: z.string(),
  }),
  targets: z.tuple([z.literal('berth'), z.literal('docker-registry')]),
  lines: z.array(
    z.object({
      name: z.string(),
      figures: z.array(spread.extend({ target: z.string(), values: z.array(z.number()).length(1) })),
      ratios: z.array(spread.extend({ against: z.literal('docker-registry') })),
    }),
  ),
  problems: z.array(z.unknown()).length(0),
  verified: z.int().min(1),
});

const quickRun =
  'a quick run measures both registries, gets right answers only, and writes its figures as JSON';

test(quickRun, { skip: whyNotHere(['docker-registry', 'wrk']) }, async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'report.json');
  const rows = 'push,pull,images,base,manifest-with-token,start,memory';
  const parameters = [bench, '--quick', '--rounds', '1', '--rows', rows, '--json', file];
  const { stdout } = await promisify(execFile)(process.execPath, parameters, {
    timeout: QUICK_LIMIT_MS,
    env: { ...process.env, TMPDIR: directory },
  });

  const { lines } = report.parse(JSON.parse(await readFile(file, 'utf8')));
  assert.deepEqual(
    lines.map(({ name }) => name),
    [
      ...['push', 'push.cpu', 'push.limit', 'pull', 'pull.cpu', 'images', 'images.cpu'],
      ...['base', 'base.p99', 'base.cpu'],
      ...['', '.share', '.p99', '.cpu'].map((part) => `manifest-with-token${part}`),
      ...['start', 'start.cpu'],
      ...['memory.idle', 'memory.loaded'],
    ],
  );
  for (const { name, figures } of lines) {
    const expected = name.startsWith('manifest-with-token') ? ['berth'] : ['berth', 'docker-registry'];
    assert.deepEqual(
      figures.map(({ target }) => target),
      expected,
      name,
    );
  }
  assert.match(stdout, /push, one blob of 32 MiB +MiB\/s/);
});

test('a ratio above 1 means that ours is better, whichever way the metric counts', () => {
  const metrics = [
    { name: 'rate', title: 'rate', unit: '1/s', better: 'more' },
    { name: 'cost', title: 'cost', unit: 's', better: 'less' },
  ] as const;
  const lines = summarize(
    metrics,
    ['ours', 'theirs'],
    [1, 2, 3].flatMap((round) => [
      { target: 'ours', metric: 'rate', round, value: 20 * round },
      { target: 'theirs', metric: 'rate', round, value: 10 * round },
      { target: 'ours', metric: 'cost', round, value: 1 },
      { target: 'theirs', metric: 'cost', round, value: round },
    ]),
  );
  assert.deepEqual(
    lines.map(({ ratios }) => ratios),
    [[{ against: 'theirs', median: 2, min: 2, max: 2 }], [{ against: 'theirs', median: 2, min: 1, max: 3 }]],
  );
});

test('an answer with another status than the right one is a wrong answer', async (t) => {
  const url = await serve(t, (_request, response) => response.writeHead(404, { 'content-length': 0 }).end());
  const connection = await openConnection(url);
  t.after(() => connection.close());
  await assert.rejects(connection.exchange({ method: 'GET', target: '/v2/', status: 200 }), WrongAnswer);
});

test('an answer that ends before its Content-Length is a wrong answer', async (t) => {
  const url = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-length': 10 });
    response.write('short', () => response.destroy());
  });
  const connection = await openConnection(url);
  t.after(() => connection.close());
  await assert.rejects(connection.exchange({ method: 'GET', target: '/', status: 200 }), WrongAnswer);
});

test('one connection carries answers with and without a body, one after the other', async (t) => {
  const url = await serve(t, (_request, response) => response.end('four'));
  const connection = await openConnection(url);
  t.after(() => connection.close());
  for (const [method, length] of [
    ['GET', 4],
    ['HEAD', 0],
    ['GET', 4],
  ] as const) {
    const answer = await connection.exchange({ method, target: '/', status: 200 });
    assert.equal(answer.bodyBytes, length);
  }
});

test('a running registry is given as name, URL and process id', () => {
  const { against } = parseOptions([
    '--against',
    'other=http://127.0.0.1:5000=17',
    '--against',
    'far=http://h:1/',
  ]);
  assert.deepEqual(against, [
    { name: 'other', url: 'http://127.0.0.1:5000', pid: 17 },
    { name: 'far', url: 'http://h:1', pid: undefined },
  ]);
  assert.throws(() => parseOptions(['--against', 'nothing']), UsageError);
});

test('processor time and memory of a process are read from /proc', async () => {
  assert.ok((await readCpuSeconds(process.pid)) > 0);
  assert.ok((await readResidentBytes(process.pid)) > 1024 ** 2);
});

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return `http://127.0.0.1:${address.port}`;
}
