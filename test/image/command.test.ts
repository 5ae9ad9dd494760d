// What the words behind `docker run berth` mean, as far as it can be told without docker.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandOf } from '../../deploy/image/command.js';

const VERSION_2 = '/etc/docker/registry/config.yml';
const VERSION_3 = '/etc/distribution/config.yml';

test('a server without words takes the configuration of version 3, then that of version 2, then the built-in one', () => {
  assert.deepEqual(wordsOf([], [VERSION_2, VERSION_3]), ['serve', VERSION_3]);
  assert.deepEqual(wordsOf(['serve'], [VERSION_2]), ['serve', VERSION_2]);
  assert.match(wordsOf(['serve'], 'any').at(-1) ?? '', /^\/etc\/distribution/);
  assert.deepEqual(wordsOf(['serve'], []), ['serve']);
});

test('a configuration that is named counts more, whether by a word or by the environment', () => {
  assert.deepEqual(wordsOf(['/my.yml'], [VERSION_3]), ['serve', '/my.yml']);
  assert.deepEqual(wordsOf(['serve', '/my.yaml'], [VERSION_3]), ['serve', '/my.yaml']);
  const environment = { REGISTRY_CONFIGURATION_PATH: '/my.yml' };
  assert.deepEqual(wordsOf(['serve'], [VERSION_3], environment), ['serve']);
});

test('the name of the program may stand in front, as where a manifest names the command', () => {
  for (const program of ['registry', '/bin/registry', 'berth']) {
    assert.deepEqual(wordsOf([program, 'serve', VERSION_2], []), ['serve', VERSION_2]);
  }
});

test('commands of the command line are passed on', () => {
  assert.deepEqual(wordsOf(['user', 'add', 'alice'], [VERSION_3]), ['user', 'add', 'alice']);
  assert.deepEqual(wordsOf(['--help'], [VERSION_3]), ['--help']);
  assert.deepEqual(wordsOf(['--version'], [VERSION_3]), ['--version']);
  assert.deepEqual(wordsOf(['garbage-collect', VERSION_2], [VERSION_3]), ['garbage-collect', VERSION_2]);
});

function wordsOf(
  words: readonly string[],
  existing: readonly string[] | 'any',
  environment: NodeJS.ProcessEnv = {},
): readonly string[] {
  return commandOf(words, (path) => existing === 'any' || existing.includes(path), environment);
}
