import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStrictJson } from '../../src/registry/strict-json.ts';

const parse = (text: string) => parseStrictJson(Buffer.from(text));

for (const text of [
  '{}',
  '[]',
  'null',
  '"a"',
  '0',
  '-1.5e10',
  ' {"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]} \n',
  '{"a":"{\\"a\\":1,\\"a\\":2}"}',
  '{"a":["a","a"],"b":"a"}',
  '{"a":"\\u0061\\\\","\\\\":1}',
  '{"":1}',
  '{"é":"\u{1f600}"}',
  '{"a":1e308}',
]) {
  test(`${JSON.stringify(text)} has one reading`, () => {
    assert.deepEqual(parse(text), JSON.parse(text));
  });
}

for (const text of [
  '',
  '{',
  '{"a":1,}',
  '{"a":1}{}',
  "{'a':1}",
  '{"a":NaN}',
  '{"a":1,"a":1}',
  '{"a":1,"b":2,"a":3}',
  '{"a":1,"\\u0061":2}',
  '{"x":{"a":1,"a":2}}',
  '[{"a":1,"a":2}]',
  '{"a":[{"b":1}],"a":2}',
  '{"":1,"":2}',
  '{"\\"":1,"\\u0022":2}',
  '{"a":1e999}',
  '[-1e999]',
  '\ufeff{}',
  `${'['.repeat(101)}${']'.repeat(101)}`,
]) {
  test(`${JSON.stringify(text).slice(0, 60)} is refused`, () => {
    assert.throws(() => parse(text), SyntaxError);
  });
}

test('a hundred levels are read, a hundred thousand refused without a crash', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  assert.ok(Array.isArray(parse(nested(100))));
  assert.throws(
    () => parse(nested(100_000)),
    (error) => error instanceof SyntaxError,
  );
});

test('bytes that are no UTF-8 are refused, also inside of a string', () => {
  for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
    assert.throws(() => parseStrictJson(Buffer.from([0x22, ...bytes, 0x22])), SyntaxError);
  }
});

test('a key like a prototype is a key like any other', () => {
  const value = parse('{"__proto__":{"polluted":1},"constructor":1}');
  assert.deepEqual(Object.keys(Object(value)), ['__proto__', 'constructor']);
  assert.equal(Reflect.get({}, 'polluted'), undefined);
  assert.throws(() => parse('{"__proto__":1,"__proto__":2}'), SyntaxError);
});
