// How slow is too slow. What becomes of connections: slow-clients.test.ts.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { parseEntityTags } from '../../src/http/entity-tag.ts';
import { type PaceSettings, pacedSource, TooSlowError, timeToTake } from '../../src/http/transfer-pace.ts';

async function gather(source: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0;
  for await (const chunk of source) size += chunk.length;
  return size;
}

/** Paces what comes, and counts it as it comes. */
function paced(
  source: AsyncIterable<Uint8Array>,
  pace: PaceSettings,
  cut: (error: TooSlowError) => void,
): AsyncIterable<Uint8Array> {
  let received = 0;
  return pacedSource(counted(), () => received, pace, cut);

  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      received += chunk.length;
      yield chunk;
    }
  }
}

async function* chunks(count: number, length = 10): AsyncGenerator<Uint8Array> {
  for (let number = 0; number < count; number += 1) yield new Uint8Array(length);
}

test('everything that comes is passed on', async () => {
  const never = () => assert.fail('cut');
  for (const minimumRate of [0, 1, 1_000_000]) {
    assert.equal(await gather(paced(chunks(20), { minimumRate, periodMs: 60_000 }, never)), 200);
  }
});

test('a source that gives nothing for a period is cut with TooSlowError', async () => {
  const cut = mock.fn<(error: TooSlowError) => void>();
  const stalled = Promise.withResolvers<never>();
  async function* source(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(1);
    await stalled.promise;
  }
  const stopping = paced(source(), { minimumRate: 1_000_000, periodMs: 50 }, (error) => {
    cut(error);
    stalled.reject(error);
  });
  await assert.rejects(gather(stopping), TooSlowError);
  assert.ok(cut.mock.callCount() >= 1);
});

test('what has come counts, also where it was not passed on yet', async () => {
  const cut = mock.fn();
  let received = 0;
  async function* source(): AsyncGenerator<Uint8Array> {
    for (; received < 100; received += 10) await new Promise((resolve) => setTimeout(resolve, 10));
    yield new Uint8Array(received);
  }
  const pace = { minimumRate: 100, periodMs: 50 };
  assert.equal(await gather(pacedSource(source(), () => received, pace, cut)), 100);
  assert.equal(cut.mock.callCount(), 0);
});

test('time that the registry itself takes does not count against the client', async () => {
  const cut = mock.fn();
  const source = paced(chunks(10, 1), { minimumRate: 1_000_000, periodMs: 30 }, cut);
  for await (const _ of source) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(cut.mock.callCount(), 0);
});

test('a consumer that stops early ends the source', async () => {
  let ended = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* chunks(100);
    } finally {
      ended = true;
    }
  }
  for await (const _ of paced(source(), { minimumRate: 1, periodMs: 1000 }, () => undefined)) break;
  assert.ok(ended);
});

test('a client has a period, and the time that its bytes take at the rate', () => {
  assert.equal(timeToTake(10_000, { minimumRate: 1000, periodMs: 500 }), 10_500);
  assert.equal(timeToTake(10_000, { minimumRate: 0, periodMs: 500 }), undefined);
});

test('entity tags are read quoted, unquoted, weak, and as any', () => {
  assert.equal(parseEntityTags(' * '), 'any');
  assert.deepEqual(parseEntityTags('"a", b,W/"c"'), ['a', 'b', 'c']);
  assert.deepEqual(parseEntityTags('"*"'), ['*']);
});
