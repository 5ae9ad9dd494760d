import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatScopes, parseScopes } from '../../../src/auth/tokens/scope.ts';

const read = (...parameters: string[]) => formatScopes(parseScopes(parameters));

describe('scopes', () => {
  test('may be repeated, or stand in one parameter with spaces in between', () => {
    const both = 'repository:a/b:pull,push repository:c:pull';
    assert.equal(read('repository:a/b:pull,push', 'repository:c:pull'), both);
    assert.equal(read(both), both);
    assert.equal(read(`  ${both.replace(' ', '   ')} `), both);
    assert.equal(read(), '');
    assert.equal(read(''), '');
  });

  test('of the same resource become one', () => {
    assert.equal(
      read('repository:a:pull', 'repository:b:pull', 'repository:a:push,pull'),
      'repository:a:pull,push repository:b:pull',
    );
  });

  test('may name a host with a port, so that the last colon begins the actions', () => {
    const [scope] = parseScopes(['repository:localhost:5000/a/b:pull']);
    assert.deepEqual(scope, { type: 'repository', name: 'localhost:5000/a/b', actions: ['pull'] });
  });

  test('may have a class, which says nothing', () => {
    assert.equal(read('repository(plugin):a/b:pull'), 'repository:a/b:pull');
  });

  test('know the catalog, by either of its words', () => {
    assert.equal(read('registry:catalog:*'), 'registry:catalog:*');
    assert.equal(read('registry:catalog:search'), 'registry:catalog:search');
  });

  test('of unknown types, with unknown actions or without any are left out', () => {
    for (const text of [
      '',
      ':',
      '::',
      'repository',
      'repository:a',
      'repository::pull',
      'repository:a:',
      'repository:a:fly',
      'REPOSITORY:a:pull',
      'repository:a:PULL',
      'aptpkg:a:pull',
      'repository(:a:pull',
      'repository():a:pull',
      'artifact:a:pull',
    ]) {
      assert.equal(read(text), '', text);
    }
    assert.equal(read('repository:a:fly,pull,,pull'), 'repository:a:pull');
  });

  test('are bounded in number and length', () => {
    const many = (count: number) => Array.from({ length: count }, (_, at) => `repository:r${at}:pull`);
    assert.equal(parseScopes(many(64)).length, 64);
    const tooMuch = [
      many(65),
      [many(65).join(' ')],
      [`repository:${'a'.repeat(512)}:pull`],
      ['x'.repeat(100_000)],
      [`${' '.repeat(100_000)}`],
    ];
    for (const parameters of tooMuch) {
      assert.throws(() => parseScopes(parameters), { reason: 'parameterInvalid' });
    }
  });
});
