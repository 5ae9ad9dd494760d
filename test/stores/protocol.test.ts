// The protocol on every store: what test/http shows of the memory driver holds on a directory and on S3.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { glob } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { settingsFor, startS3Store, whyNoS3Store } from '../support/s3-store.ts';
import { STORE_VARIABLE } from '../support/test-store.ts';

const root = join(import.meta.dirname, '..', '..');

test('the protocol tests pass on a directory', async (context) => {
  await runProtocolTests(context, 'filesystem');
});

test('the protocol tests pass on S3', { skip: whyNoS3Store() }, async (context) => {
  const store = await startS3Store(context);
  await runProtocolTests(context, JSON.stringify(settingsFor(store, { bucket: await store.createBucket() })));
});

/** What is about connections, or about who may do what, asks nothing of a store that depends on its kind. */
const OF_NO_STORE =
  /^test\/http\/(?:tls|access-(?:bodies|matrix|readonly|tokens|walls)|admin-openapi|gathered-body|transfer-pace|range-header)/;

async function runProtocolTests(context: TestContext, store: string): Promise<void> {
  // Its tests look at what a reset left in the instant it came, which a store of any speed cannot promise.
  const timed = 'test/http/broken-connections.test.ts';
  const files: string[] = [];
  for await (const file of glob('test/http/*.test.ts', { cwd: root })) {
    if (file !== timed && !OF_NO_STORE.test(file)) files.push(file);
  }
  const environment = { ...process.env, [STORE_VARIABLE]: store };
  // Otherwise the child would report to this runner in its own format.
  Reflect.deleteProperty(environment, 'NODE_TEST_CONTEXT');
  const words = ['--test', '--test-reporter=tap', '--test-concurrency=2', ...files];
  const child = spawn(process.execPath, words, {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (text: Buffer) => {
    output += text.toString();
  });
  const [code] = await once(child, 'exit');
  const count = (name: string) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  context.diagnostic(`${count('pass')} tests passed; ${timed} runs on memory alone`);
  const failed = output.split('\n').filter((line) => /^\s*not ok/.test(line));
  assert.deepEqual(failed, []);
  assert.equal(code, 0, output.slice(-4_000));
  assert.ok(count('pass') > 300, `only ${count('pass')} tests ran`);
}
