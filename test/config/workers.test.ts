import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadText, loadVariables, problemsOf } from './load-text.ts';

const read = (workers: string) => loadText(`http: { workers: ${workers} }`).configuration.http.workers;

describe('http.workers', () => {
  test('is one process unless there shall be more', () => {
    assert.equal(loadText('').configuration.http.workers, 1);
    assert.equal(read('1'), 1);
    assert.equal(read(''), 1);
  });

  test('is a number or auto, in the file and as a variable', () => {
    assert.equal(read('4'), 4);
    assert.equal(read('auto'), 'auto');
    assert.equal(loadVariables({ REGISTRY_HTTP_WORKERS: 'Auto' }).configuration.http.workers, 'auto');
    assert.equal(loadVariables({ REGISTRY_HTTP_WORKERS: '2' }).configuration.http.workers, 2);
  });

  test('anything else is a problem', () => {
    for (const value of ['0', '-1', '1.5', 'many', '257', '[2]']) {
      assert.match(problemsOf(`http: { workers: ${value} }`).join(), /^http\.workers /, value);
    }
  });

  test('several processes need a store that all of them see', () => {
    for (const workers of ['2', 'auto']) {
      assert.match(
        problemsOf(`storage: inmemory\nhttp: { workers: ${workers} }`).join(),
        /^http\.workers .*must be 1 with storage\.inmemory/,
      );
    }
    assert.equal(loadText('storage: inmemory\nhttp: { workers: 1 }').configuration.http.workers, 1);
  });

  test('beside other problems it is one more, or none', () => {
    const problems = problemsOf('storage: { inmemory: {}, s3: {} }\nhttp: { workers: 2, addr: nowhere }');
    assert.ok(problems.length >= 2, problems.join('\n'));
  });
});
