// Health checks: when they count, and what their probes look at.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import {
  fileProbe,
  type HealthCheck,
  httpProbe,
  startHealthChecks,
  tcpProbe,
} from '../../src/observe/health.ts';
import { privateDirectory } from '../support/processes.ts';

function start(t: TestContext, checks: readonly HealthCheck[]) {
  const lines: string[] = [];
  const health = startHealthChecks(checks, pino({}, { write: (line: string) => void lines.push(line) }));
  t.after(() => health.stop());
  return { health, lines };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(2);
}

test('a check counts after as many failures in a row as its threshold says, and recovers at once', async (t) => {
  let fails = true;
  const seen: (readonly string[])[] = [];
  const probe = async () => {
    seen.push(health.failing());
    if (fails) throw new Error('broken');
  };
  const { health, lines } = start(t, [{ name: 'store', intervalMs: 1, threshold: 3, probe }]);
  assert.deepEqual(health.failing(), []);
  await until(() => health.failing().length > 0);
  assert.deepEqual(health.failing(), ['store']);
  assert.deepEqual(seen.slice(0, 3), [[], [], []], 'two failures do not count');
  fails = false;
  await until(() => health.failing().length === 0);
  assert.equal(lines.filter((line) => line.includes('unhealthy')).length, 1, 'told once');
  assert.equal(lines.filter((line) => line.includes('healthy again')).length, 1);
});

test('only the checks that fail are named', async (t) => {
  const good: HealthCheck = { name: 'good', intervalMs: 1, threshold: 1, probe: async () => undefined };
  const bad: HealthCheck = {
    ...good,
    name: 'bad',
    probe: async () => {
      throw new Error('broken');
    },
  };
  const { health } = start(t, [good, bad]);
  await until(() => health.failing().length > 0);
  assert.deepEqual(health.failing(), ['bad']);
});

test('a probe that takes long is not joined by another one, and stopping ends it', async (t) => {
  let running = 0;
  let stopped = false;
  const begun = Promise.withResolvers<void>();
  const probe = async (signal: AbortSignal) => {
    running += 1;
    begun.resolve();
    await once(signal, 'abort');
    stopped = true;
    throw new Error('stopped');
  };
  const { health, lines } = start(t, [{ name: 'slow', intervalMs: 1, threshold: 1, probe }]);
  await begun.promise;
  await sleep(20);
  assert.equal(running, 1);
  health.stop();
  await until(() => stopped);
  assert.deepEqual(lines, []);
});

const never = new AbortController().signal;

test('the file probe fails while the file is there', async (t) => {
  const path = join(await privateDirectory('health', t), 'out-of-service');
  const probe = fileProbe(path);
  await probe(never);
  await writeFile(path, '');
  await assert.rejects(probe(never));
  await rm(path);
  await probe(never);
});

test('the HTTP probe wants the status, sends the headers and follows redirects', async (t) => {
  const headers: (string | undefined)[] = [];
  const methods = new Set<string | undefined>();
  const server = createServer((request, response) => {
    headers.push(request.headers['x-probe']?.toString());
    methods.add(request.method);
    response.writeHead(request.url === '/moved' ? 302 : 200, { Location: '/' }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const probe = (path: string, status: number) =>
    httpProbe({ uri: base + path, headers: [['X-Probe', ['one', 'two']]], status, timeoutMs: 5000 })(never);
  await probe('/', 200);
  await probe('/moved', 200);
  await assert.rejects(probe('/', 204), /status 200 instead of 204/);
  assert.deepEqual([...methods], ['HEAD']);
  assert.deepEqual([...new Set(headers)], ['one, two']);
});

test('the HTTP probe does not wait for ever', async (t) => {
  const server = createServer(() => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await assert.rejects(httpProbe({ uri, headers: [], status: 200, timeoutMs: 20 })(never));
});

test('the TCP probe wants a connection and nothing more', async () => {
  const server = createTcpServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const probe = tcpProbe({ host: '127.0.0.1', port, timeoutMs: 5000 });
  await probe(never);
  server.close();
  await once(server, 'close');
  await assert.rejects(probe(never));
});
