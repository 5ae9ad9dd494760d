// A client that has all of an answer may hang up before the server has noticed that this was all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { openRegistry } from '../support/app.ts';
import { pushBlob } from '../support/content.ts';
import { open } from '../support/raw-http.ts';
import { until } from '../support/redis-server.ts';

/** Too long to be answered in one piece. */
const CONTENT = `${'.'.repeat(200_000)}the end`;

test('a pull whose client hangs up after the last byte has succeeded', async (t) => {
  const inner = createMemoryDriver();
  let left = Promise.resolve();
  const driver: typeof inner = {
    ...inner,
    async openRead(key, range) {
      const reader = await inner.openRead(key, range);
      async function* content() {
        yield* reader.content;
        await left;
      }
      return { ...reader, content: content() };
    },
  };
  const { http, port, logLines } = await openRegistry(t, { driver });
  const digest = await pushBlob(http, 'app', CONTENT);
  const pulls = () => logLines.map((line) => JSON.parse(line)).filter(({ route }) => route === 'blob');
  const before = pulls().length;

  const gone = Promise.withResolvers<void>();
  left = gone.promise;
  const socket = await open(port);
  socket.write(`GET /v2/app/blobs/${digest} HTTP/1.1\r\nHost: a\r\n\r\n`);
  let answer = '';
  for await (const chunk of socket) {
    answer += chunk;
    if (answer.endsWith('the end')) break;
  }
  socket.destroy();
  await until(async () => pulls().length === before + 1);
  gone.resolve();
  const pulled = pulls().at(-1);
  assert.equal(pulled['http.response.status'], 200);
  assert.equal(pulled['http.response.written'], CONTENT.length);
});
