import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readCredentials } from '../../../src/auth/tokens/credentials.ts';

const basic = (text: string) => readCredentials(`Basic ${Buffer.from(text).toString('base64')}`);

describe('the Authorization header', () => {
  test('absent or empty is nothing, and so are an empty name and password', () => {
    for (const header of [undefined, '', '  ', 'Basic Og==', 'basic Og==']) {
      assert.deepEqual(readCredentials(header), { kind: 'none' });
    }
  });

  test('holds a name and a password, which may have colons and any letters in it', () => {
    assert.deepEqual(basic('alice:pa:ss wörd'), { kind: 'basic', name: 'alice', password: 'pa:ss wörd' });
    assert.deepEqual(basic('alice:'), { kind: 'basic', name: 'alice', password: '' });
    assert.deepEqual(basic(':secret'), { kind: 'basic', name: '', password: 'secret' });
  });

  test('holds a token, whatever the case of the scheme', () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      assert.deepEqual(readCredentials(`${scheme} a.b.c`), { kind: 'bearer', token: 'a.b.c' });
    }
  });

  test('that cannot be read is not taken for nothing', () => {
    for (const header of [
      'Basic',
      'Basic ',
      'Basic !!!!',
      'Basic YWxpY2U=',
      'Basic Og== Og==',
      'Bearer',
      'Bearer a b',
      'Bearer\ta',
      'Digest username="alice"',
      'Negotiate abc',
      'Bearer a, Basic Og==',
    ]) {
      assert.deepEqual(readCredentials(header), { kind: 'unreadable' }, header);
    }
    assert.deepEqual(basic('alice:pass\0word'), { kind: 'unreadable' });
    assert.deepEqual(basic('al\nice:password'), { kind: 'unreadable' });
    const notUtf8 = Buffer.from('616c6963653aff', 'hex').toString('base64');
    assert.deepEqual(readCredentials(`Basic ${notUtf8}`), { kind: 'unreadable' });
  });

  test('is bounded in length', () => {
    assert.equal(basic(`oidc:${'t'.repeat(16_000)}`).kind, 'basic');
    assert.deepEqual(basic(`${'n'.repeat(256)}:p`), { kind: 'unreadable' });
    assert.deepEqual(readCredentials(`Bearer ${'a'.repeat(2 ** 16)}`), { kind: 'unreadable' });
    assert.deepEqual(readCredentials(`Bearer${' '.repeat(2 ** 20)}`), { kind: 'unreadable' });
  });
});
