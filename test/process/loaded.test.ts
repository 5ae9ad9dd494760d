// What a server has loaded when it is up: what is not asked for costs neither time nor memory.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freePort, temporaryDirectory } from '../support/service.ts';
import { berth, run } from './berth-process.ts';

/** Prints the names of Node's own modules when the process ends. */
const TELL = `process.on('exit', () => process.stdout.write('loaded ' + process.moduleLoadList.join(' ') + '\\n'))`;

test('a server that needs none of it loads no TLS, no HTTP/2, nothing of fetch and, the second time, no type stripper', async (t) => {
  await loadedBy(t);
  const loaded = await loadedBy(t);
  assert.ok(loaded.includes('NativeModule http'));
  const dear = ['internal/deps/undici/undici', 'http2', 'https', 'tls', 'internal/deps/amaro/dist/index'];
  for (const name of dear) assert.ok(!loaded.includes(`NativeModule ${name}`), name);
});

test('where compiled code is kept elsewhere, as under systemd, it is found there the second time', async (t) => {
  const environment = { NODE_COMPILE_CACHE: await temporaryDirectory(t) };
  const stripper = 'NativeModule internal/deps/amaro/dist/index';
  assert.ok((await loadedBy(t, environment)).includes(stripper));
  assert.ok(!(await loadedBy(t, environment)).includes(stripper));
});

async function loadedBy(t: TestContext, environment: NodeJS.ProcessEnv = {}): Promise<readonly string[]> {
  const directory = await temporaryDirectory(t);
  const [node = '', ...words] = berth;
  const server = run(t, [node, '--import', `data:text/javascript,${TELL}`, ...words, 'serve'], {
    environment: {
      REGISTRY_HTTP_ADDR: `127.0.0.1:${await freePort()}`,
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: join(directory, 'store'),
      ...environment,
    },
  });
  await server.printed('Berth is up');
  server.kill('SIGTERM');
  await server.printed('loaded ');
  const [, names = ''] = /loaded (.*)/.exec(server.stdout()) ?? [];
  return names.split(/ (?=NativeModule|Internal)/);
}
