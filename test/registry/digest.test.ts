import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  algorithmOf,
  createDigester,
  digestOf,
  hexOf,
  isDigest,
  parseAlgorithm,
  parseDigest,
} from '../../src/registry/digest.ts';
import { isRefusal } from '../../src/registry/errors.ts';
import { algorithms } from '../support/content.ts';

const hex256 = '0123456789abcdef'.repeat(4);
const hex512 = hex256.repeat(2);

test('a digest is sha256 with 64 digits or sha512 with 128', () => {
  assert.equal(parseDigest(`sha256:${hex256}`), `sha256:${hex256}`);
  assert.equal(algorithmOf(parseDigest(`sha256:${hex256}`)), 'sha256');
  assert.equal(algorithmOf(parseDigest(`sha512:${hex512}`)), 'sha512');
  assert.equal(hexOf(parseDigest(`sha512:${hex512}`)), hex512);
});

const malformed = [
  '',
  'sha256',
  'sha256:',
  hex256,
  `sha256:${hex256.slice(1)}`,
  `sha256:${hex256}0`,
  `sha256:${hex512}`,
  `sha512:${hex256}`,
  `sha256:${hex256.toUpperCase()}`,
  `SHA256:${hex256}`,
  `sha256:${hex256.replace('a', 'g')}`,
  ` sha256:${hex256}`,
  `sha256:${hex256}\n`,
  `sha256:${hex256} `,
  `sha384:${hex256}${hex256.slice(32)}`,
  `blake3:${hex256}`,
  `md5:${hex256.slice(32)}`,
  `sha256:sha256:${hex256}`,
  `sha256:../${hex256.slice(3)}`,
  `sha256+b64:${hex256}`,
];
for (const text of malformed) {
  test(`${JSON.stringify(text.slice(0, 30))} (${text.length} characters) is no digest`, () => {
    assert.equal(isDigest(text), false);
    assert.throws(
      () => parseDigest(text),
      (error) => isRefusal(error, 'digestInvalid'),
    );
  });
}

test('an algorithm is named exactly', () => {
  assert.equal(parseAlgorithm('sha256'), 'sha256');
  assert.equal(parseAlgorithm('sha512'), 'sha512');
  for (const text of ['', 'SHA256', 'sha-256', 'md5', 'blake3', 'constructor']) {
    assert.throws(
      () => parseAlgorithm(text),
      (error) => isRefusal(error, 'digestInvalid'),
    );
  }
});

for (const algorithm of algorithms) {
  test(`${algorithm} is computed at once and piece by piece alike`, () => {
    const content = Buffer.from('some content');
    const expected = `${algorithm}:${createHash(algorithm).update(content).digest('hex')}`;
    assert.equal(digestOf(content, algorithm), expected);
    const digester = createDigester(algorithm);
    assert.equal(digester.digest(), digestOf(Buffer.alloc(0), algorithm));
    digester.update(content.subarray(0, 4));
    const copy = digester.copy();
    digester.update(content.subarray(4));
    assert.equal(digester.digest(), expected);
    assert.equal(digester.digest(), expected, 'asking does not end it');
    assert.equal(copy.digest(), digestOf(content.subarray(0, 4), algorithm), 'a copy goes its own way');
    copy.update(content.subarray(4));
    assert.equal(copy.digest(), expected);
  });
}
