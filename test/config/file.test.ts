import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readConfigurationFile } from '../../config/file.ts';
import { ConfigurationError } from '../../config/problem.ts';

describe('the file of a configuration', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-config-'));
  });
  after(() => rm(directory, { recursive: true }));

  test('is read as UTF-8 text', async () => {
    const path = join(directory, 'good.yml');
    await writeFile(path, 'version: 0.1\n# ä\n');
    assert.deepEqual(await readConfigurationFile(path), { path, text: 'version: 0.1\n# ä\n' });
  });

  test('is missed with its path and the cause when it is not there', async () => {
    const path = join(directory, 'none.yml');
    await assert.rejects(readConfigurationFile(path), (error) => {
      assert.ok(error instanceof ConfigurationError && error.cause instanceof Error);
      assert.deepEqual(error.problems, [`${path}: cannot be read (ENOENT)`]);
      return true;
    });
  });

  test('is refused when it is a directory, too large or not UTF-8', async () => {
    const large = join(directory, 'large.yml');
    await writeFile(large, new Uint8Array(1024 * 1024 + 1));
    const latin = join(directory, 'latin.yml');
    await writeFile(latin, Uint8Array.of(0x76, 0xe4));
    await assert.rejects(readConfigurationFile(directory), /cannot be read \(EISDIR\)/);
    await assert.rejects(readConfigurationFile(large), /is larger than 1048576 bytes/);
    await assert.rejects(readConfigurationFile(latin), /is not UTF-8 text/);
  });
});
