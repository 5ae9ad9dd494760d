import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLoginLimit, type LoginLimit, type LoginLimitSettings } from '../../src/auth/login-limit.ts';

const HERE = '192.0.2.7';
const ELSEWHERE = '198.51.100.1';

test('a thousand wrong passwords in a second from one address: few are checked, nobody else notices (T21)', () => {
  const { limit, pass } = limitAt();
  let checked = 0;
  for (let n = 0; n < 1000; n += 1) {
    pass(0.0009);
    if (attempt(limit, `user${n % 100}`, HERE)) checked += 1;
  }
  assert.equal(checked, 60);
  assert.equal(limit.check('user1', HERE), 1);
  assert.equal(limit.check('user1', ELSEWHERE), undefined);
  assert.equal(limit.check('user1', '2001:db8::1'), undefined);
});

test('guessing one name from many addresses does not lock it out anywhere else', () => {
  const { limit } = limitAt();
  for (let n = 0; n < 250; n += 1)
    for (let again = 0; again < 20; again += 1) attempt(limit, 'alice', `203.0.113.${n}`);
  assert.ok(limit.check('alice', '203.0.113.7') !== undefined);
  assert.equal(limit.check('alice', HERE), undefined);
});

test('one name from one address is limited before the address is: others behind it still log in', () => {
  const { limit } = limitAt();
  for (let n = 0; n < 10; n += 1) assert.ok(attempt(limit, 'job', HERE), `attempt ${n}`);
  assert.equal(limit.check('job', HERE), 20);
  assert.equal(limit.check('alice', HERE), undefined);
});

test('failures are forgiven one by one', () => {
  const { limit, pass } = limitAt();
  for (let n = 0; n < 10; n += 1) limit.failed('job', HERE);
  pass(19);
  assert.equal(limit.check('job', HERE), 1);
  pass(1);
  assert.ok(attempt(limit, 'job', HERE));
  assert.equal(limit.check('job', HERE), 20);
  pass(200);
  for (let n = 0; n < 10; n += 1) assert.ok(attempt(limit, 'job', HERE));
  assert.equal(limit.check('job', HERE), 20);
});

test('waiting as long as was said is enough, and each wait is a whole second at least', () => {
  const { limit, pass } = limitAt();
  for (let n = 0; n < 10; n += 1) limit.failed('job', HERE);
  pass(19.9);
  const seconds = limit.check('job', HERE);
  assert.equal(seconds, 1);
  pass(1);
  assert.equal(limit.check('job', HERE), undefined);
});

test('many checks that fail at the same time are all paid for, but never with more than 15 minutes', () => {
  const { limit, pass } = limitAt();
  for (let n = 0; n < 20; n += 1) limit.failed('job', HERE);
  assert.equal(limit.check('job', HERE), 220);
  for (let n = 0; n < 10_000; n += 1) limit.failed('job', HERE);
  assert.equal(limit.check('job', HERE), 900);
  assert.equal(limit.check('other', HERE), 900);
  pass(901);
  assert.equal(limit.check('other', HERE), undefined);
});

test('who has come in from an address is not stopped by what others do there', () => {
  const { limit } = limitAt();
  limit.succeeded('alice', HERE);
  for (let n = 0; n < 500; n += 1) attempt(limit, `guess${n}`, HERE);
  assert.ok(limit.check('bob', HERE) !== undefined);
  assert.equal(limit.check('alice', HERE), undefined);
  assert.equal(limit.check('alice', ELSEWHERE), undefined);
});

test('logins that succeed forgive no guesses: neither those of the name nor those of the address', () => {
  const { limit } = limitAt();
  let guesses = 0;
  for (let n = 0; n < 1000; n += 1) {
    limit.succeeded('alice', HERE);
    if (attempt(limit, 'alice', HERE)) guesses += 1;
  }
  assert.equal(guesses, 10);
  const other = limitAt().limit;
  guesses = 0;
  for (let n = 0; n < 1000; n += 1) {
    other.succeeded('mallory', HERE);
    if (attempt(other, `guess${n}`, HERE)) guesses += 1;
  }
  assert.equal(guesses, 60);
});

test('a day after the last login a name is as unknown as any other', () => {
  const { limit, pass } = limitAt();
  limit.succeeded('alice', HERE);
  pass(86_401);
  for (let n = 0; n < 100; n += 1) limit.failed(`guess${n}`, HERE);
  assert.ok(limit.check('alice', HERE) !== undefined);
});

test('all addresses of an IPv6 /64 are one, the next /64 is another one', () => {
  const { limit } = limitAt();
  for (let n = 0; n < 100; n += 1) attempt(limit, `user${n}`, `2001:db8:0:1::${n.toString(16)}`);
  assert.ok(limit.check('alice', '2001:db8:0:1:ffff::1') !== undefined);
  assert.equal(limit.check('alice', '2001:db8:0:2::1'), undefined);
});

test('a name and an address cannot be written so that they count for another pair', () => {
  const { limit } = limitAt({ perAddress: { atOnce: 1000, forgivenAfter: 1 } });
  for (let n = 0; n < 10; n += 1) limit.failed('a","192.0.2.7', HERE);
  assert.equal(limit.check('a', HERE), undefined);
});

test('a clock that is set back locks nobody out for longer than the longest wait', () => {
  const { limit, pass } = limitAt();
  for (let n = 0; n < 10; n += 1) limit.failed('job', HERE);
  pass(-86_400 * 365);
  assert.ok((limit.check('job', HERE) ?? 0) <= 900);
  limit.failed('job', HERE);
  pass(1200);
  assert.equal(limit.check('job', HERE), undefined);
});

function attempt(limit: LoginLimit, name: string, address: string): boolean {
  if (limit.check(name, address) !== undefined) return false;
  limit.failed(name, address);
  return true;
}

function limitAt(settings: Omit<LoginLimitSettings, 'now'> = {}) {
  let ms = Date.UTC(2026, 0, 1);
  const limit = createLoginLimit({ ...settings, now: () => new Date(ms) });
  const pass = (seconds: number) => {
    ms += seconds * 1000;
  };
  return { limit, pass };
}
