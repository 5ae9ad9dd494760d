import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal } from '../../src/registry/errors.ts';
import { isRepositoryName, parseRepositoryName } from '../../src/registry/name.ts';
import { isTag, parseReference, parseTag } from '../../src/registry/reference.ts';
import { isSessionId, parseSessionId } from '../../src/registry/sessions.ts';
import { blobOf } from '../support/content.ts';

const names = ['a', '0', 'a/b', 'a.b', 'a_b', 'a__b', 'a-b', 'a----b', 'a.b_c__d-e/f', 'a'.repeat(255)];
const notNames = [
  ...[
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/..',
    '.a',
    'a.',
    'a..b',
    'a._b',
    '_a',
    'a_',
    'a___b',
    '-a',
    'a-',
  ],
  ...[
    'A',
    'aB',
    'a b',
    'a\n',
    'a\0',
    'a:b',
    'a@b',
    'a+b',
    'a%2fb',
    'a\\b',
    'é',
    'a/_catalog',
    'a'.repeat(256),
  ],
];

test('a repository name is lower-case components with single separators, at most 255 characters', () => {
  for (const name of names) assert.equal(parseRepositoryName(name), name);
  for (const name of notNames) {
    assert.equal(isRepositoryName(name), false, JSON.stringify(name));
    assert.throws(
      () => parseRepositoryName(name),
      (error) => isRefusal(error, 'nameInvalid'),
    );
  }
});

test('a name that almost matches takes no longer than one that does', () => {
  const almost = [`${'a-'.repeat(127)}!`, `${'a_'.repeat(126)}`, `${'a'.repeat(254)}!`, 'a/'.repeat(127)];
  for (const name of almost) assert.equal(isRepositoryName(name), false);
  for (const name of almost) assert.equal(isRepositoryName(name.repeat(1000)), false);
});

test('a tag is up to 128 word characters, dots and hyphens, and starts with a word character', () => {
  for (const tag of ['a', '_', '0', 'A.b-C_d', 'a'.repeat(128), '1.0', 'sha256-zz.sig']) {
    assert.equal(parseTag(tag), tag);
  }
  for (const tag of ['', '.a', '-a', 'a/b', 'a:b', 'a b', 'a+b', 'a\n', 'é', '..', 'a'.repeat(129)]) {
    assert.equal(isTag(tag), false, JSON.stringify(tag));
    assert.throws(
      () => parseTag(tag),
      (error) => isRefusal(error, 'tagInvalid'),
    );
  }
});

test('a reference with a colon is a digest, any other a tag', () => {
  const { digest } = blobOf('content');
  assert.deepEqual(parseReference(digest), { kind: 'digest', digest });
  assert.deepEqual(parseReference('latest'), { kind: 'tag', tag: 'latest' });
  assert.deepEqual(parseReference('a'.repeat(64)), { kind: 'tag', tag: 'a'.repeat(64) });
  assert.throws(
    () => parseReference('sha256:123'),
    (error) => isRefusal(error, 'digestInvalid'),
  );
  assert.throws(
    () => parseReference('.'),
    (error) => isRefusal(error, 'tagInvalid'),
  );
});

test('a session id is a UUID in lower case, since the registry image purges only those', () => {
  const id = '0d1c9e5c-6b0b-4b3f-9f43-1d7f0f9d6a11';
  assert.equal(parseSessionId(id), id);
  for (const text of [
    '',
    id.toUpperCase(),
    `${id}\n`,
    `${id}0`,
    id.slice(1),
    '../x',
    '*',
    id.replaceAll('-', ''),
  ]) {
    assert.equal(isSessionId(text), false, JSON.stringify(text));
    assert.throws(
      () => parseSessionId(text),
      (error) => isRefusal(error, 'uploadUnknown'),
    );
  }
});
