// What two processes of one server say to each other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal, RegistryError } from '../../src/registry/errors.ts';
import { createChannel, type Wire } from '../../src/workers/channel.ts';
import { DriverError } from '../../storage-drivers/errors.ts';
import { linkedChannels } from '../support/linked-workers.ts';

test('a question is answered, and so are many at once, each by its own answer', async () => {
  const [here, there] = linkedChannels();
  there.on('double', (content) => Number(content) * 2);
  there.on('nothing', () => undefined);
  assert.equal(await here.ask('double', 4), 8);
  assert.equal(await here.ask('nothing'), null);
  const answers = await Promise.all(Array.from({ length: 100 }, (_, number) => here.ask('double', number)));
  assert.deepEqual(
    answers,
    Array.from({ length: 100 }, (_, number) => number * 2),
  );
});

test('refusals arrive as they were thrown, and what the store throws as the refusal that it comes down to', async () => {
  const [here, there] = linkedChannels();
  const facts = { driver: 'filesystem', action: 'write', key: 'a' };
  const thrown: Readonly<Record<string, Error>> = {
    quota: new RegistryError('tooManyRequests', { retryAfterSeconds: 60, detail: { open: 3 } }),
    plain: new RegistryError('unavailable'),
    full: new DriverError('noSpace', facts),
    broken: new DriverError('failed', facts),
  };
  there.on('fail', (content) => {
    throw thrown[String(content)];
  });
  await assert.rejects(here.ask('fail', 'quota'), (error) => {
    assert.ok(isRefusal(error, 'tooManyRequests'));
    assert.deepEqual([error.retryAfterSeconds, error.detail], [60, { open: 3 }]);
    return true;
  });
  await assert.rejects(here.ask('fail', 'plain'), (error) => isRefusal(error, 'unavailable'));
  await assert.rejects(here.ask('fail', 'full'), (error) => isRefusal(error, 'storageFull'));
  await assert.rejects(here.ask('fail', 'broken'), { message: /filesystem write/ });
  await assert.rejects(here.ask('of something else'), { message: /nobody here knows/ });
});

test('what is said in one turn goes as one message, and all of it in its order', async () => {
  const sent: unknown[] = [];
  const wire: Wire = { send: (batch) => void sent.push(batch), onBatch: () => undefined };
  const channel = createChannel(wire);
  for (const number of [1, 2, 3]) channel.tell('count', number);
  void channel.ask('much').catch(() => undefined);
  assert.equal(sent.length, 0);
  await new Promise(setImmediate);
  assert.equal(sent.length, 1);
  channel.tell('count', 4);
  channel.tellNow('count', 5);
  assert.deepEqual(sent[1], [
    ['tell', 'count', 4],
    ['tell', 'count', 5],
  ]);
  await new Promise(setImmediate);
  assert.equal(sent.length, 2, 'nothing is said twice, nor when there is nothing to say');
});

test('who waits for an answer when the other side goes is told, as is whoever asks later', async () => {
  const [here, there] = linkedChannels();
  there.on('never', () => new Promise(() => undefined));
  const waiting = here.ask('never');
  await new Promise(setImmediate);
  here.cut();
  await assert.rejects(waiting, (error) => isRefusal(error, 'unavailable'));
  await assert.rejects(here.ask('never'), (error) => isRefusal(error, 'unavailable'));
});

test('nonsense from the other side ends nothing where somebody hears of it', () => {
  const faults: unknown[] = [];
  let take: (batch: unknown) => void = () => undefined;
  const wire: Wire = {
    send: () => undefined,
    onBatch(taker) {
      take = taker;
    },
  };
  const channel = createChannel(wire, (error) => faults.push(error));
  const heard: unknown[] = [];
  channel.on('word', (content) => heard.push(content));
  for (const batch of [
    undefined,
    null,
    5,
    'x',
    {},
    [5],
    [[]],
    [['tell']],
    [['answer', 7, 1]],
    [['failure', 8, 1]],
  ])
    take(batch);
  take([
    ['tell', 'unknown', 1],
    ['tell', 'word', 'yes'],
  ]);
  assert.deepEqual(heard, ['yes']);
  assert.equal(faults.length, 1);
});
