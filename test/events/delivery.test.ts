// Events on their way to receivers that are slow, broken or not there.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { waitAfter } from '../../src/events/courier.ts';
import { eventsSince, replayEvents } from '../../src/events/replay.ts';
import { createLocks } from '../../src/registry/locks.ts';
import { startSink } from '../support/event-sink.ts';
import { createSecrets } from '../support/secrets.ts';
import { slowDriver } from './slow-store.ts';
import {
  endpointOf,
  eventOf,
  fakeClock,
  memoryStore,
  openEvents,
  type TestEvents,
  tagsByRepository,
} from './some-events.ts';

const HOUR_MS = 3_600_000;

async function tellMany(events: TestEvents, repositories: readonly string[], each: number): Promise<void> {
  for (let tag = 0; tag < each; tag += 1) {
    for (const repository of repositories) await events.tell(eventOf({ repository, tag: `${tag}` }));
  }
}

/** Every event at least once, and each repository's first arrivals in their order. */
function assertComplete(
  arrived: ReturnType<typeof tagsByRepository>,
  repositories: readonly string[],
  each: number,
) {
  const wanted = Array.from({ length: each }, (_, tag) => `${tag}`);
  assert.deepEqual([...arrived.keys()].sort(), [...repositories].sort());
  for (const [repository, tags] of arrived) assert.deepEqual([...new Set(tags)], wanted, repository);
}

test('a receiver that answers 500 for an hour gets every event afterwards, in order per repository', async (t) => {
  const clock = fakeClock();
  const upAgain = clock.now().getTime() + HOUR_MS;
  const sink = await startSink(t, () => ({ status: clock.now().getTime() < upAgain ? 500 : 200 }));
  const events = await openEvents({ endpoints: [endpointOf(sink.url)] }, clock);
  await tellMany(events, ['a', 'b', 'c'], 20);
  assert.equal(sink.taken.length, 0);
  await sink.receives(60);
  await events.close();
  assertComplete(tagsByRepository(sink.events()), ['a', 'b', 'c'], 20);
  assert.ok(clock.now().getTime() >= upAgain);
  assert.ok(sink.attempts() < 60 + 3 * 150, `${sink.attempts()} attempts: it was left alone in between`);
  const told = events.logLines.filter((line) => line.includes('events are not taken'));
  assert.equal(told.length, 1, 'one line, not one for each attempt');
  assert.ok(events.logLines.some((line) => line.includes('events are taken again')));
});

test('a receiver that is killed and comes back gets every event', async (t) => {
  const clock = fakeClock();
  const first = await startSink(t);
  const events = await openEvents({ endpoints: [endpointOf(first.url, { threshold: 1 })] }, clock);
  await tellMany(events, ['a', 'b'], 3);
  await first.receives(6);
  await first.stop();
  await events.tell(eventOf({ repository: 'a', tag: '3' }));
  await events.tell(eventOf({ repository: 'b', tag: '3' }));
  const second = await startSink(t, undefined, first.port);
  await second.receives(2);
  await events.close();
  assertComplete(tagsByRepository([...first.events(), ...second.events()]), ['a', 'b'], 4);
});

test('a slow receiver holds up nobody else, nor who tells', async (t) => {
  const released = Promise.withResolvers<void>();
  const slow = await startSink(t, () => ({ status: 200, after: released.promise }));
  const quick = await startSink(t);
  const endpoints = [endpointOf(slow.url, { name: 'slow', timeout: 60_000 }), endpointOf(quick.url)];
  const events = await openEvents({ endpoints });
  await tellMany(events, ['a'], 5);
  await quick.receives(5);
  assert.equal(slow.taken.length, 0);
  assert.deepEqual(events.pending().get('slow'), 5);
  released.resolve();
  await slow.receives(5);
  await events.close();
});

test('an answer that does not come in time counts as none', async (t) => {
  const never = Promise.withResolvers<void>();
  const sink = await startSink(t, (_, attempt) => ({
    status: 200,
    ...(attempt === 1 && { after: never.promise }),
  }));
  const events = await openEvents({ endpoints: [endpointOf(sink.url, { timeout: 50 })] }, fakeClock());
  await events.tell(eventOf());
  await sink.receives(1);
  never.resolve();
  await events.close();
  assert.ok(sink.attempts() >= 2);
});

test('a redirect is not followed, and is not taken for success', async (t) => {
  const elsewhere = await startSink(t);
  const sink = await startSink(t, (_, attempt) =>
    attempt === 1 ? { status: 307, headers: { location: elsewhere.url } } : { status: 204 },
  );
  const events = await openEvents({ endpoints: [endpointOf(sink.url)] }, fakeClock());
  await events.tell(eventOf());
  await sink.receives(1);
  await events.close();
  assert.equal(elsewhere.attempts(), 0);
  assert.equal(sink.attempts(), 2);
});

test('a long answer is not read to its end', async (t) => {
  const sink = await startSink(t, () => ({ status: 200, body: 'x'.repeat(8 * 1024 * 1024) }));
  const events = await openEvents({ endpoints: [endpointOf(sink.url)] });
  await tellMany(events, ['a'], 2);
  await sink.receives(2);
  await events.close();
});

test('a server that stops while its receiver is down leaves the events to the next one', async (t) => {
  const driver = memoryStore();
  const down = await startSink(t, () => ({ status: 503 }));
  const first = await openEvents({ endpoints: [endpointOf(down.url, { backoff: 60_000 })] }, { driver });
  await tellMany(first, ['a', 'b'], 3);
  await first.close();
  await down.stop();
  const up = await startSink(t, undefined, down.port);
  const second = await openEvents({ endpoints: [endpointOf(up.url)] }, { driver });
  await second.tell(eventOf({ repository: 'a', tag: '3' }));
  await second.tell(eventOf({ repository: 'b', tag: '3' }));
  await up.receives(8);
  await second.close();
  assertComplete(tagsByRepository(up.events()), ['a', 'b'], 4);
});

test('of several servers each tells what it wrote, and what one leaves behind is told by another, once', async (t) => {
  const driver = memoryStore();
  const locks = createLocks();
  const shared = { driver, locks, isAlone: false };
  let isUp = false;
  const sink = await startSink(t, () => ({ status: isUp ? 200 : 503 }));
  const endpoints = [endpointOf(sink.url, { backoff: 1 })];
  const leaving = await openEvents({ endpoints }, shared);
  const staying = await openEvents({ endpoints }, shared);
  await tellMany(leaving, ['left'], 3);
  await tellMany(staying, ['stayed'], 3);
  await leaving.close();
  const coming = await openEvents({ endpoints }, shared);
  const another = await openEvents({ endpoints }, shared);
  isUp = true;
  await sink.receives(6);
  for (const events of [staying, coming, another]) await events.close();
  const arrived = tagsByRepository(sink.events());
  assert.deepEqual(arrived.get('left'), ['0', '1', '2']);
  assert.deepEqual(arrived.get('stayed'), ['0', '1', '2']);
});

test('a server that is there again is not told twice what it took before', async (t) => {
  const driver = memoryStore();
  const sink = await startSink(t);
  const first = await openEvents({ endpoints: [endpointOf(sink.url)] }, { driver });
  await tellMany(first, ['a'], 3);
  await sink.receives(3);
  await first.close();
  const second = await openEvents({ endpoints: [endpointOf(sink.url)] }, { driver });
  await second.tell(eventOf({ repository: 'a', tag: '3' }));
  await sink.receives(4);
  await second.close();
  assert.deepEqual([...tagsByRepository(sink.events())], [['a', ['0', '1', '2', '3']]]);
});

test('the queue is bounded: the oldest events are dropped, with a warning that counts them', async (t) => {
  const clock = fakeClock();
  let isUp = false;
  const sink = await startSink(t, () => ({ status: isUp ? 200 : 500 }));
  const dropped: unknown[] = [];
  const onDrop = (...facts: unknown[]) => void dropped.push(facts);
  const settings = { endpoints: [endpointOf(sink.url)], most: 5 };
  const events = await openEvents(settings, { ...clock, onDrop });
  await tellMany(events, ['a'], 9);
  assert.equal(events.pending().get('sink'), 5);
  isUp = true;
  while (events.pending().get('sink') !== 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await events.close();
  // The one that was on its way when it was dropped may come too.
  assert.deepEqual(tagsByRepository(sink.events()).get('a')?.slice(-5), ['4', '5', '6', '7', '8']);
  assert.deepEqual(
    dropped,
    [1, 2, 3, 4].map(() => [1, 'sink']),
  );
  const lines = events.logLines.filter((line) => line.includes('oldest events were dropped'));
  const said = lines.map((line): { readonly count: number } => JSON.parse(line));
  assert.equal(
    said.reduce((sum, { count }) => sum + count, 0),
    4,
  );
});

test('with relaxed durability nobody waits for the store, and a stop keeps what was told', async (t) => {
  const { driver, release, writes } = slowDriver(memoryStore());
  const sink = await startSink(t);
  const events = await openEvents({ endpoints: [endpointOf(sink.url)], durability: 'relaxed' }, { driver });
  const before = writes();
  for (let tag = 0; tag < 100; tag += 1) await events.tell(eventOf({ tag: `${tag}` }));
  assert.equal(writes(), before, 'nothing was written yet, and nobody waited');
  release();
  await sink.receives(100);
  assert.ok(writes() - before < 10, `${writes() - before} segments for 100 events`);
  await events.close();
});

test('with strict durability a change waits for the store, and a pull does not', async (t) => {
  const { driver, release } = slowDriver(memoryStore());
  const sink = await startSink(t);
  const events = await openEvents({ endpoints: [endpointOf(sink.url)], durability: 'strict' }, { driver });
  await events.tell(eventOf({ action: 'pull' }));
  let isKept = false;
  const push = events.tell(eventOf({ action: 'push' })).then(() => {
    isKept = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(isKept, false);
  release();
  await push;
  await sink.receives(2);
  await events.close();
});

test('with strict durability a store that fails is told to who waits, and the event comes later all the same', async (t) => {
  const { driver, release, fail } = slowDriver(memoryStore());
  const sink = await startSink(t);
  const events = await openEvents({ endpoints: [endpointOf(sink.url)], durability: 'strict' }, { driver });
  fail();
  await assert.rejects(events.tell(eventOf({ tag: 'late' })), { name: 'DriverError' });
  release();
  const [late] = await sink.receives(1);
  assert.equal(late?.target['tag'], 'late');
  await events.close();
});

test('ignore rules hold back media types and actions, and nothing else', async (t) => {
  const sink = await startSink(t);
  const ignore = { mediatypes: ['application/octet-stream'], actions: ['pull'] };
  const events = await openEvents({ endpoints: [endpointOf(sink.url, { ignore })] });
  await events.tell(eventOf({ tag: 'no', mediaType: 'application/octet-stream' }));
  await events.tell(eventOf({ tag: 'nor this', action: 'pull' }));
  await events.tell(eventOf({ tag: 'yes' }));
  await sink.receives(1);
  await events.close();
  assert.deepEqual([...tagsByRepository(sink.events()).values()], [['yes']]);
  assert.equal(events.pending().get('sink'), 0);
});

test('requests carry the headers of the endpoint, its credentials and a signature that can be checked', async (t) => {
  const sink = await startSink(t);
  const url = sink.url.replace('http://', 'http://user:p%40ss@');
  const headers = { 'X-Custom': ['one', 'two'] };
  const events = await openEvents({ endpoints: [endpointOf(url, { headers, secret: 'shared secret' })] });
  await events.tell(eventOf());
  await sink.receives(1);
  await events.close();
  const [request] = sink.taken;
  assert.ok(request);
  assert.equal(request.headers['x-custom'], 'one, two');
  assert.equal(request.headers.authorization, `Basic ${btoa('user:p@ss')}`);
  assert.equal(request.headers['content-type'], 'application/vnd.docker.distribution.events.v2+json');
  const timestamp = String(request.headers['berth-timestamp']);
  const expected = createHmac('sha256', 'shared secret').update(`${timestamp}.${request.body}`).digest('hex');
  assert.equal(request.headers['berth-signature'], `sha256=${expected}`);
  assert.ok(Math.abs(Number(timestamp) - Date.now() / 1000) < 60);
});

test('no secret of an endpoint is in the log, whatever goes wrong with it', async (t) => {
  const secrets = createSecrets();
  const token = secrets.keep('path-token-0123456789');
  const password = secrets.keep('url-password-0123456789');
  const secret = secrets.keep('signing-secret-0123456789');
  const header = secrets.keep('header-value-0123456789');
  const refusing = await startSink(t, () => ({ status: 403, body: token }));
  const url = (port: number) => `http://user:${password}@127.0.0.1:${port}/${token}?key=${token}`;
  const common = { secret, headers: { Authorization: [header] }, threshold: 1, timeout: 200 };
  const events = await openEvents(
    {
      endpoints: [
        endpointOf(url(refusing.port), { ...common, name: 'refuses' }),
        endpointOf(url(1), { ...common, name: 'is not there' }),
        endpointOf(`https://user:${password}@127.0.0.1:${refusing.port}/${token}`, {
          ...common,
          name: 'no TLS',
        }),
        endpointOf(`http://user:${password}@no-such-host.invalid/${token}`, { ...common, name: 'no name' }),
      ],
    },
    fakeClock(),
  );
  await events.tell(eventOf());
  const warned = () => events.logLines.filter((line) => line.includes('events are not taken')).length;
  while (warned() < 4) await new Promise((resolve) => setTimeout(resolve, 10));
  await events.close();
  assert.deepEqual(secrets.findIn(events.logLines.join('')), []);
});

test('waits grow with each failure up to a minute, and are never the same for everybody', () => {
  for (let attempts = 1; attempts < 40; attempts += 1) {
    const longest = Math.min(60_000, 1000 * 2 ** (attempts - 1));
    const wait = waitAfter(attempts, 1000);
    assert.ok(wait >= longest / 2 && wait <= longest, `${wait} after ${attempts}`);
  }
  assert.notEqual(waitAfter(5, 1000), waitAfter(5, 1000));
});

test('what was taken can be told again for a day, from a time on, in its order', async (t) => {
  const driver = memoryStore();
  const clock = fakeClock();
  const sink = await startSink(t);
  const events = await openEvents({ endpoints: [endpointOf(sink.url)] }, { driver, now: clock.now });
  for (const tag of ['1', '2', '3']) {
    await events.tell(eventOf({ tag, timestamp: clock.now().toISOString() }));
    clock.pass(HOUR_MS);
  }
  await sink.receives(3);
  await events.close();
  const since = new Date(clock.now().getTime() - 2.5 * HOUR_MS);
  const again = await startSink(t);
  assert.equal(await replayEvents(endpointOf(again.url), since, { driver }), 2);
  assert.deepEqual([...tagsByRepository(again.events()).values()], [['2', '3']]);
  assert.deepEqual(again.events(), sink.events().slice(1), 'the same events, by their ids too');
  const all: string[] = [];
  for await (const { target } of eventsSince(driver, new Date(0))) all.push(target.tag ?? '');
  assert.deepEqual(all, ['1', '2', '3']);
});

test('a replay ends at a receiver that does not take an event, and says how far it came', async (t) => {
  const driver = memoryStore();
  const sink = await startSink(t);
  const events = await openEvents({ endpoints: [endpointOf(sink.url)] }, { driver });
  await tellMany(events, ['a'], 2);
  await sink.receives(2);
  await events.close();
  const broken = await startSink(t, (_, attempt) => ({ status: attempt === 1 ? 200 : 500 }));
  await assert.rejects(replayEvents(endpointOf(broken.url, { backoff: 1 }), new Date(0), { driver }), {
    name: 'NotTakenError',
    message: 'sink took 1 events and not the next one: status 500',
  });
});
