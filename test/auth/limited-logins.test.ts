// Logins as they are limited and told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { createLimitedLogins } from '../../src/auth/limited-logins.ts';
import { createLoginAttempts } from '../../src/auth/login-attempts.ts';
import { createLoginLimit } from '../../src/auth/login-limit.ts';

const ADDRESS = '192.0.2.1';
const alice = { caller: { kind: 'account', name: 'alice', groups: [] } } as const;

/** Logins of alice, whose password is `right`. Checks wait until they are let go. */
function openLogins() {
  const lines: string[] = [];
  const gate = Promise.withResolvers<void>();
  let checks = 0;
  const logins = createLimitedLogins({
    verify: async (_name, secret) => {
      checks += 1;
      await gate.promise;
      return secret === 'right' ? alice : undefined;
    },
    attempts: createLoginAttempts(createLoginLimit({ perNameAndAddress: { atOnce: 20, forgivenAfter: 60 } })),
    audit: pino({}, { write: (line: string) => void lines.push(line) }),
  });
  return { logins, lines, checks: () => checks, letGo: gate.resolve };
}

test('of many guesses at once only a few are checked, and the others are told to wait', async () => {
  const { logins, checks, letGo } = openLogins();
  const tries = Array.from({ length: 50 }, (_, number) => logins.verify('alice', `guess ${number}`, ADDRESS));
  letGo();
  const results = await Promise.allSettled(tries);
  assert.equal(checks(), 10);
  const refused = results.filter((result) => result.status === 'rejected');
  assert.equal(refused.length, 40);
  for (const { reason } of refused) assert.equal(reason.reason, 'tooManyRequests');
});

test('one secret that comes with many requests at once is one guess', async () => {
  const { logins, letGo } = openLogins();
  const tries = Array.from({ length: 50 }, () => logins.verify('alice', 'right', ADDRESS));
  letGo();
  assert.deepEqual(await Promise.all(tries), Array(50).fill(alice));
});

test('guesses at one account keep nobody from another one, nor its owner at another address', async () => {
  const { logins, letGo } = openLogins();
  const tries = Array.from({ length: 50 }, (_, number) =>
    logins.verify('alice', `guess ${number}`, ADDRESS).catch(() => undefined),
  );
  const others = [logins.verify('bob', 'right', ADDRESS), logins.verify('alice', 'right', '192.0.2.2')];
  letGo();
  assert.deepEqual(await Promise.all(others), [alice, alice]);
  await Promise.all(tries);
});

test('tokens that prove nothing do not keep other tokens out that come under the same name', async () => {
  const { logins, letGo } = openLogins();
  letGo();
  const token = (number: number) => `eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiIke251bWJlcn0ifQ.${number}`;
  for (let number = 0; number < 40; number += 1) {
    assert.equal(await logins.verify('oidc', token(number), ADDRESS), undefined);
  }
});

test('a login is told once an hour, a failure each time, and no secret ever', async () => {
  const { logins, lines, letGo } = openLogins();
  letGo();
  for (const secret of ['right', 'right', 'wrong-one', 'wrong-two'])
    await logins.verify('alice', secret, ADDRESS);
  const events = lines.map((line) => JSON.parse(line).event);
  assert.deepEqual(events, ['login', 'login failed', 'login failed']);
  assert.ok(lines.every((line) => !/right|wrong-/.test(line)));
});
