import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { knownKeys, listKeys } from '../../config/known-keys.ts';
import { loadConfiguration } from '../../config/load.ts';
import { ConfigurationError } from '../../config/problem.ts';

/** Loads, and lets nothing but a ConfigurationError stop it. Returns the problems, none if it loaded. */
function tryToLoad(text: string, environment: Record<string, string> = {}): readonly string[] {
  try {
    loadConfiguration({ file: { path: 'config.yml', text }, environment });
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
}

const LAUGHS = ['a: &a [x, x, x, x, x, x, x, x, x]']
  .concat([...'bcdefghi'].map((name, index) => `${name}: &${name} [${`*${'abcdefgh'[index]}, `.repeat(9)}]`))
  .join('\n');

const BROKEN = {
  'a billion laughs': LAUGHS,
  'an alias that contains itself': 'a: &a [*a]',
  'a merge that contains itself': 'a: &a { <<: *a }',
  'an alias without an anchor': 'http: *nothing',
  'ten thousand levels of lists': '['.repeat(10_000) + ']'.repeat(10_000),
  'ten thousand levels of lists without an end': '['.repeat(10_000),
  'ten thousand levels of maps': '{a: '.repeat(10_000),
  'a hundred levels of indentation': Array.from({ length: 100 }, (_, depth) => `${' '.repeat(depth)}a:`).join(
    '\n',
  ),
  'a megabyte of keys': Array.from({ length: 95_000 }, (_, index) => `k${index}: 1`).join('\n'),
  'more than a megabyte': 'x'.repeat(1024 * 1024 + 1),
  'a megabyte of colons': ':'.repeat(1024 * 1024),
  'a quote without an end': '"'.padEnd(500_000, 'a\n'),
  'a key that is a list': '? [a, b]\n: c',
  'a key that is nothing': 'http: { : x }',
  'a key given twice': 'http: {}\nhttp: {}',
  'a key given twice in a flow': 'http: { addr: ":1", addr: ":2" }',
  'a second document': 'version: 0.1\n---\nversion: 0.1',
  'a tag of a language': 'http: !!js/function x',
  'binary content': 'http: { secret: !!binary aGk= }',
  'an unknown directive': '%FOO bar\n---\nversion: 0.1',
  'tabs for indentation': 'http:\n\taddr: x',
  'control characters': '\u0000\u0001\u0002',
  'half a surrogate in a key': '\ud800: 1',
  'the name of a prototype': '__proto__: { polluted: true }',
  'the name of a constructor': 'constructor: { prototype: { polluted: true } }',
  'a merge of a text': 'http: { <<: x }',
};

const FINE = {
  'a megabyte of comments': `version: 0.1\n${'# comment\n'.repeat(80_000)}`,
  'a byte order mark': '\ufeffversion: 0.1',
  'carriage returns': 'version: 0.1\r\nlog:\r\n  level: info\r\n',
  'tags of YAML itself':
    'version: !!float 0.1\nhttp: { minimumrate: !!int 5, addr: !!str :5000, relativeurls: !!bool true }',
};

describe('hostile files', () => {
  for (const [name, text] of Object.entries(BROKEN)) {
    test(`${name} is a problem and nothing worse`, () => assert.notDeepEqual(tryToLoad(text), []));
  }

  for (const [name, text] of Object.entries(FINE)) {
    test(`${name} is no problem`, () => assert.deepEqual(tryToLoad(text), []));
  }

  test('a billion laughs end in a variable too', () => {
    assert.match(
      tryToLoad('version: 0.1', { REGISTRY_HEALTH: LAUGHS }).join(),
      /^REGISTRY_HEALTH: has more than/,
    );
  });

  test('no key becomes a property of all objects', () => {
    const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];
    for (const name of names) {
      tryToLoad(`version: 0.1\n${name}: { polluted: yes }`);
      tryToLoad(`version: 0.1\nlog: { fields: { ${name}: yes } }`);
      tryToLoad(`version: 0.1\nlog: { fields: { ${name}: { polluted: yes } } }`);
      tryToLoad(`version: 0.1\nhttp: { headers: { ${name}: [yes] } }`);
      tryToLoad(`version: 0.1\nstorage: ${name}\nauth: ${name}`);
      tryToLoad('version: 0.1', {
        [`REGISTRY_LOG_FIELDS_${name}`]: 'yes',
        [`REGISTRY_LOG_FIELDS_${name.toUpperCase()}`]: 'yes',
      });
    }
    assert.equal(Reflect.get({}, 'polluted'), undefined);
    assert.deepEqual(tryToLoad('version: 0.1\nlog: { fields: { __proto__: x } }').length, 1);
  });

  test('a field that is called like a method is a field', () => {
    const { configuration } = loadConfiguration({
      file: { path: 'config.yml', text: 'version: 0.1\nlog: { fields: { constructor: a, toString: b } }' },
      environment: {},
    });
    assert.deepEqual(Object.entries(configuration.log.fields), [
      ['constructor', 'a'],
      ['toString', 'b'],
    ]);
  });

  test('a value of any shape under any key is a problem or a configuration', () => {
    const shapes = [
      'x',
      '-1',
      '99999999999999999999',
      '1e400',
      '.nan',
      '2001-01-01',
      '"\\0"',
      '[]',
      '[[x]]',
      '{}',
      '{x: y}',
    ];
    shapes.push(
      '[{x: y}]',
      '[~]',
      '~',
      '"  "',
      'yes',
      '!!set {a}',
      '{"": x}',
      '"\\ud83d"',
      '0x',
      '0o9',
      '::',
      '/',
      '1h1',
      '(',
    );
    for (const key of listKeys(knownKeys())) {
      for (const shape of shapes) {
        const nested = key.split('.').reduceRight((inner, step) => {
          return step.endsWith('[]') ? `{ ${step.slice(0, -2)}: [${inner}] }` : `{ ${step}: ${inner} }`;
        }, shape);
        tryToLoad(`version: 0.1\n${nested.slice(2, -2)}`);
        const variable = `REGISTRY_${key.replaceAll('[]', '.0').replaceAll('.', '_').toUpperCase()}`;
        tryToLoad('version: 0.1', { [variable]: shape });
      }
    }
  });

  test('files cut off or with a character changed at any place are a problem or a configuration', () => {
    const text =
      'version: 0.1\nhttp: {addr: ":5000", headers: {X-A: [b]}}\nhealth:\n  file: &a\n  - file: /x\n  tcp: []\n';
    for (let place = 0; place < text.length; place += 1) {
      tryToLoad(text.slice(0, place));
      for (const character of ':{[-&*!|>"\'#%@`\n\t\u0000,') {
        tryToLoad(text.slice(0, place) + character + text.slice(place + 1));
      }
    }
  });
});
