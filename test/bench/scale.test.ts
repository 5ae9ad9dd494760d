// `npm run bench:scale` does what it says. Its figures are not looked at: no test depends on a time.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { commonImage, TAGGED } from '../../bench/scale/contents.ts';
import { parseScaleOptions } from '../../bench/scale/options.ts';
import { createRegistryClient } from '../support/registry-client.ts';
import { startBerth, temporaryDirectory } from '../support/service.ts';

const LIMIT_MS = 120_000;

test('it fills stores that Berth serves, gets right answers only, and measures them again', async (t) => {
  const directory = await temporaryDirectory(t);
  const parameters = [join(import.meta.dirname, '../../bench/scale.ts'), '--scale', '0.001', '--rounds', '1'];
  for (const found of [/took \d+ s to fill/, /was there already/]) {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...parameters, '--directory', directory],
      { timeout: LIMIT_MS },
    );
    assert.match(stdout, found);
    for (const row of [
      'start to first answer',
      'page of catalog',
      'page of referrers',
      'delete a manifest',
      'search',
    ]) {
      assert.match(stdout, new RegExp(`^${row}.* ms .*\\d`, 'm'));
    }
  }
  assert.deepEqual((await readdir(directory)).sort(), ['scale-0', 'scale-0.001']);

  const service = await startBerth({ directory: join(directory, 'scale-0.001', 'store') });
  t.after(async () => void (await service.stop()));
  const client = createRegistryClient(service.url);
  const { digest, manifest, blobs } = commonImage();
  assert.deepEqual(
    await client.getManifest(TAGGED, digest).then(({ content }) => Buffer.from(content)),
    manifest,
  );
  for (const [blob, bytes] of blobs) assert.deepEqual(Buffer.from(await client.getBlob(TAGGED, blob)), bytes);
  const referrers = await client.send('GET', `/v2/one/with-referrers/referrers/${digest}?n=500`);
  const { manifests }: { manifests: unknown[] } = JSON.parse(await referrers.text());
  assert.equal(manifests.length, 300);
});

test('a scale that is no number is refused', () => {
  assert.throws(() => parseScaleOptions(['--scale', 'much']), /--scale is a number from/);
  assert.equal(parseScaleOptions(['--scale', '1']).scale, 1);
});
