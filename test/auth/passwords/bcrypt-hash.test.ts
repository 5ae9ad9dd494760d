import assert from 'node:assert/strict';
import { test } from 'node:test';
import bcrypt from 'bcryptjs';
import {
  BcryptHashError,
  costOf,
  MAX_COST,
  makeDecoy,
  parseBcryptHash,
} from '../../../src/auth/passwords/bcrypt-hash.ts';

const SALT_AND_HASH = 'abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2';

for (const version of ['2a', '2b', '2y']) {
  test(`a hash of version ${version} is taken, with its cost`, () => {
    assert.equal(costOf(parseBcryptHash(`$${version}$05$${SALT_AND_HASH}`)), 5);
  });
}

test('the costs from 4 to the limit are taken, others are named', () => {
  assert.equal(costOf(parseBcryptHash(`$2y$04$${SALT_AND_HASH}`)), 4);
  assert.equal(costOf(parseBcryptHash(`$2y$${MAX_COST}$${SALT_AND_HASH}`)), MAX_COST);
  for (const cost of ['00', '03', String(MAX_COST + 1), '20', '31', '99'])
    assert.match(
      reasonFor(`$2y$${cost}$${SALT_AND_HASH}`),
      new RegExp(`its bcrypt cost is ${Number(cost)};`),
    );
});

const refused: readonly (readonly [text: string, reason: RegExp])[] = [
  ['{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=', /SHA-1/],
  ['$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/', /MD5/],
  ['$1$salt$qJH7.N4xYta3aEG/dfqo/0', /MD5/],
  ['$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO', /SHA-2/],
  ['$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc8', /SHA-2/],
  ['$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA', /Argon2/],
  ['open sesame', /plain password/],
  ['', /no hash that is known/],
  ['rl0uE8kHxgZxA', /no hash that is known/],
  [`$2$05$${SALT_AND_HASH}`, /no hash that is known/],
  [`$2x$05$${SALT_AND_HASH}`, /no hash that is known/],
  [`$2y$05$${SALT_AND_HASH.slice(1)}`, /cut short/],
  [`$2y$05$${SALT_AND_HASH}:more`, /something after/],
  [` $2y$05$${SALT_AND_HASH}`, /no hash that is known/],
  [`$2y$05$${SALT_AND_HASH}\n`, /something after/],
];
for (const [text, reason] of refused) {
  test(`${JSON.stringify(text)} is refused, and not repeated`, () => {
    const message = reasonFor(text);
    assert.match(message, reason);
    if (text !== '') assert.ok(!message.includes(text.trim()));
  });
}

test('noise in the unused bits of a salt changes nothing, as in the registry image', () => {
  for (const last of ['u', 'v', '0', '9'])
    assert.ok(bcrypt.compareSync('correct horse', parseBcryptHash(withLastOfSalt(last))), last);
  assert.ok(!bcrypt.compareSync('correct horse', parseBcryptHash(withLastOfSalt('e'))));
});

test('a decoy has its cost, and is another one each time', () => {
  const decoys = Array.from({ length: 50 }, () => makeDecoy(4));
  assert.equal(new Set(decoys).size, 50);
  assert.deepEqual([...new Set(decoys.map(costOf))], [4]);
  assert.equal(costOf(makeDecoy(MAX_COST)), MAX_COST);
});

function withLastOfSalt(character: string): string {
  return `$2y$05$${SALT_AND_HASH.slice(0, 21)}${character}${SALT_AND_HASH.slice(22)}`;
}

function reasonFor(text: string): string {
  try {
    parseBcryptHash(text);
  } catch (error) {
    assert.ok(error instanceof BcryptHashError);
    return error.message;
  }
  return assert.fail('it was taken');
}
