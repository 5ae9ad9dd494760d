// Words of the command line that need no configuration.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { berth, repositoryRoot, runToEnd } from '../process/berth-process.ts';

test('the version is that of package.json, in the spellings of the registry image too', async (t) => {
  const text = await readFile(join(repositoryRoot, 'package.json'), 'utf8');
  const [, version] = /"version": "([^"]+)"/.exec(text) ?? [];
  for (const word of ['version', '--version', '-v']) {
    const said = { code: 0, stdout: `berth ${version}\n`, stderr: '' };
    assert.deepEqual(await runToEnd(t, [...berth, word]), said, word);
  }
});

test('garbage-collect is refused in one line that says how space is freed', async (t) => {
  for (const words of [[], ['--dry-run', '/etc/docker/registry/config.yml']]) {
    const { code, stdout, stderr } = await runToEnd(t, [...berth, 'garbage-collect', ...words]);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^Berth has no garbage-collect yet: .* stop Berth, .* the registry image .*\n$/);
  }
});

test('help is printed for whoever asks for it', async (t) => {
  const help = await runToEnd(t, [...berth, '--help']);
  assert.deepEqual([help.code, help.stderr], [0, '']);
  assert.match(help.stdout, /^Usage: berth <command>\n/);
});
