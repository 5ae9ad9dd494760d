// What a server says while it runs: JSON for machines, readable lines on a terminal, and nothing that is nobody's business.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { freePort, temporaryDirectory } from '../support/service.ts';
import { berth, run } from './berth-process.ts';

const SECRETS = ['top-secret-state', 'hidden-in-the-query', 'cGFzc3dvcmQ', 'secret-cookie'];
const skip =
  spawnSync('script', ['--version']).status !== 0 && 'script (Debian package bsdutils) is not installed';

test('on a pipe the log is one JSON object a line', async (context) => {
  const { directory, environment, port } = await prepare(context);
  const server = run(context, [...berth, 'serve'], { directory, environment });
  await server.printed('Berth is up');
  await fetch(`http://127.0.0.1:${port}/v2/`);
  await server.printed('"http.request.uri":"/v2/"');
  server.kill('SIGTERM');
  await server.exited;
  for (const line of server.stdout().trimEnd().split('\n')) {
    const entry: unknown = JSON.parse(line);
    assert.equal(typeof Reflect.get(Object(entry), 'msg'), 'string', line);
    assert.ok(!Number.isNaN(Date.parse(String(Reflect.get(Object(entry), 'time')))), line);
  }
  assert.equal(server.stderr(), '');
});

test('on a terminal the log is for people', { skip }, async (context) => {
  const { directory, environment, port } = await prepare(context);
  const command = `echo "server $$"; exec ${[...berth, 'serve'].join(' ')}`;
  const terminal = run(context, ['script', '--quiet', '--return', '--command', command, '/dev/null'], {
    directory,
    environment,
  });
  await terminal.printed('Berth is up');
  await fetch(`http://127.0.0.1:${port}/v2/app/tags/list`);
  await terminal.printed('404');
  const pid = Number(/server (\d+)/.exec(terminal.stdout())?.[1]);
  process.kill(pid, 'SIGINT');
  assert.equal(await terminal.exited, 0);
  const plain = stripVTControlCharacters(terminal.stdout());
  assert.match(plain, /^\d\d:\d\d:\d\d info +Berth is up/m);
  assert.match(plain, /^\d\d:\d\d:\d\d GET +404 \/v2\/app\/tags\/list/m);
  assert.doesNotMatch(plain, /"level"/);
});

test('secrets, credentials and query strings stay out of the log', async (context) => {
  const { directory, environment, port } = await prepare(context);
  const server = run(context, [...berth, 'serve'], {
    directory,
    environment: { ...environment, REGISTRY_HTTP_SECRET: 'top-secret-state', REGISTRY_LOG_LEVEL: 'debug' },
  });
  await server.printed('Berth is up');
  const headers = { authorization: 'Basic cGFzc3dvcmQ', cookie: 'session=secret-cookie' };
  const paths = ['/v2/', '/v2/app/tags/list', '/v2/app/blobs/uploads/', '/nowhere'];
  for (const path of paths) {
    const method = path.endsWith('uploads/') ? 'POST' : 'GET';
    await fetch(`http://127.0.0.1:${port}${path}?token=hidden-in-the-query`, { method, headers });
  }
  server.kill('SIGTERM');
  await server.exited;
  const log = server.stdout() + server.stderr();
  assert.equal(log.match(/"msg":"request"/g)?.length, paths.length, log);
  for (const secret of SECRETS) assert.ok(!log.includes(secret), secret);
});

async function prepare(context: TestContext) {
  const directory = await temporaryDirectory(context);
  const port = await freePort();
  return { directory, port, environment: { REGISTRY_HTTP_ADDR: `127.0.0.1:${port}` } };
}
