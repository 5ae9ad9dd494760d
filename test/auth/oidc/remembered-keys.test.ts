import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { createRememberedKeys, type LoadedKeys } from '../../../src/auth/oidc/remembered-keys.ts';
import { ASYMMETRIC_ALGORITHMS } from '../../../src/auth/tokens/algorithms.ts';
import { parseKeySet } from '../../../src/auth/tokens/jwks.ts';
import { isRefusal } from '../../../src/registry/errors.ts';
import { makeIssuerKey, publicJwk } from '../../support/oidc-issuer.ts';

test('keys are asked for once while they are fresh', async () => {
  const world = start();
  await world.keys.find('first');
  world.pass(299);
  await world.keys.find('first');
  assert.equal(world.questions(), 1);
  world.pass(1);
  await world.keys.find('first');
  assert.equal(world.questions(), 2);
});

for (const [maxAge, seconds] of [
  [0, 60],
  [120, 120],
  [86400, 600],
] as const) {
  test(`keys that may be kept for ${maxAge} s are fresh for ${seconds} s`, async () => {
    const world = start({ maxAge });
    await world.keys.find('first');
    world.pass(seconds - 1);
    await world.keys.find('first');
    assert.equal(world.questions(), 1);
    world.pass(1);
    await world.keys.find('first');
    assert.equal(world.questions(), 2);
  });
}

test('a withdrawn key is not found any more when the keys are not fresh', async () => {
  const world = start();
  assert.ok(await world.keys.find('first'));
  world.publish('second');
  world.pass(300);
  assert.equal(await world.keys.find('first'), undefined);
});

test('a new key is found at once, but not asked for again within 30 s', async () => {
  const world = start();
  await world.keys.find('first');
  world.pass(30);
  world.publish('first', 'second');
  assert.ok(await world.keys.find('second'));
  assert.equal(world.questions(), 2);
  for (let second = 0; second < 30; second += 1) {
    assert.equal(await world.keys.find(`invented-${second}`), undefined);
    world.pass(0.9);
  }
  assert.equal(world.questions(), 2);
  world.pass(3);
  assert.equal(await world.keys.find('invented'), undefined);
  assert.equal(world.questions(), 3);
});

test('unknown keys do not make us ask more often when the issuer fails', async () => {
  const world = start();
  await world.keys.find('first');
  world.pass(30);
  world.fail();
  for (let second = 0; second < 30; second += 1) {
    await assert.rejects(world.keys.find('invented'), (error) => isRefusal(error, 'unavailable'));
    world.pass(0.9);
  }
  assert.equal(world.questions(), 2);
  assert.ok(await world.keys.find('first'));
});

test('many who ask at the same time are one question', async () => {
  const world = start();
  const found = await Promise.all(Array.from({ length: 50 }, () => world.keys.find('first')));
  assert.equal(found.filter((key) => key !== undefined).length, 50);
  assert.equal(world.questions(), 1);
});

test('before the first answer an outage is an outage, and is asked about every 10 s', async () => {
  const world = start();
  world.fail();
  for (let second = 0; second < 10; second += 1) {
    await assert.rejects(world.keys.find('first'), (error) => isRefusal(error, 'unavailable'));
    world.pass(0.9);
  }
  assert.equal(world.questions(), 1);
  world.pass(1);
  world.recover();
  assert.ok(await world.keys.find('first'));
});

test('known keys outlive an outage of four hours and no longer', async () => {
  const world = start();
  await world.keys.find('first');
  world.fail();
  world.pass(4 * 3600 - 1);
  assert.ok(await world.keys.find('first'));
  world.pass(1);
  await assert.rejects(world.keys.find('first'), (error) => isRefusal(error, 'unavailable'));
});

test('in an outage that is known of, nobody with a known key waits for the issuer', async () => {
  const world = start();
  await world.keys.find('first');
  world.fail();
  world.pass(300);
  await world.keys.find('first');
  world.pass(10);
  world.hang();
  assert.ok(await world.keys.find('first'));
  assert.equal(world.questions(), 3);
});

test('an outage is told once, and again after the issuer was back', async () => {
  const world = start();
  world.fail();
  for (const _ of [1, 2, 3]) {
    await assert.rejects(world.keys.find('first'));
    world.pass(10);
  }
  assert.equal(world.lines.length, 1);
  world.recover();
  await world.keys.find('first');
  world.fail();
  world.pass(300);
  await world.keys.find('first');
  assert.equal(world.lines.length, 2);
});

test('a clock that was put back does not keep keys for longer', async () => {
  const world = start();
  await world.keys.find('first');
  world.publish('second');
  world.pass(-3600);
  assert.equal(await world.keys.find('first'), undefined);
});

test('a token that names no key means the only one, and none if there are several', async () => {
  const world = start();
  assert.ok(await world.keys.find(undefined));
  world.publish('first', 'second');
  world.pass(300);
  assert.equal(await world.keys.find(undefined), undefined);
});

const key = makeIssuerKey('ES256', 'any');

function start({ maxAge }: { maxAge?: number } = {}) {
  let time = Date.UTC(2026, 0, 1);
  let questions = 0;
  let answer: () => Promise<LoadedKeys>;
  const lines: string[] = [];
  const publish = (...kids: readonly string[]) => {
    const published = kids.map((kid) => publicJwk({ ...key, kid }));
    const keys = parseKeySet({ keys: published }, { algorithms: ASYMMETRIC_ALGORITHMS });
    answer = async () => ({ keys, maxAge });
  };
  publish('first');
  const keys = createRememberedKeys({
    load: () => {
      questions += 1;
      return answer();
    },
    log: pino({}, { write: (line: string) => void lines.push(line) }),
    now: () => new Date(time),
  });
  return {
    keys,
    lines,
    questions: () => questions,
    publish,
    recover: () => publish('first'),
    fail: () => {
      answer = () => Promise.reject(new Error('connection refused'));
    },
    hang: () => {
      answer = () => new Promise(() => {});
    },
    pass: (seconds: number) => {
      time += seconds * 1000;
    },
  };
}
