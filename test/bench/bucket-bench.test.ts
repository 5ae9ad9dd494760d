// The bench on S3 does what it says: each registry on a bucket, and the AWS SDK alone beside them. Figures are not looked at.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';
import { parseOptions, UsageError } from '../../bench/options.ts';
import { whyNoS3Store } from '../support/s3-store.ts';
import { temporaryDirectory } from '../support/service.ts';
import { whyNotHere } from '../support/system-packages.ts';

const QUICK_LIMIT_MS = 180_000;
const bench = join(import.meta.dirname, '../../bench/run.ts');

const report = z.object({
  store: z.literal('s3'),
  targets: z.tuple([z.literal('berth'), z.literal('docker-registry'), z.literal('AWS SDK')]),
  lines: z.array(z.object({ name: z.string(), figures: z.array(z.object({ target: z.string() })) })),
  problems: z.array(z.unknown()).length(0),
  verified: z.int(),
});

test('a quick run on S3 measures both registries on buckets, and the AWS SDK where blobs are moved', {
  skip: whyNoS3Store() || whyNotHere(['docker-registry']),
}, async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'report.json');
  const parameters = ['--store', 's3', '--quick', '--rounds', '1', '--rows', 'push,pull,images'];
  await promisify(execFile)(process.execPath, [bench, ...parameters, '--json', file], {
    timeout: QUICK_LIMIT_MS,
    env: { ...process.env, TMPDIR: directory },
  });

  const { lines, verified } = report.parse(JSON.parse(await readFile(file, 'utf8')));
  const measured = lines.map(({ name, figures }) => [name, figures.map(({ target }) => target)]);
  const registries = ['berth', 'docker-registry'];
  assert.deepEqual(measured, [
    ['push', [...registries, 'AWS SDK']],
    ['push.cpu', registries],
    ['pull', [...registries, 'AWS SDK']],
    ['pull.cpu', registries],
    ['images', registries],
    ['images.cpu', registries],
  ]);
  assert.equal(verified, 3, 'a pulled blob of each was hashed');
});

test('a store that the bench does not know is refused', () => {
  assert.equal(parseOptions([]).store, 'directory');
  assert.equal(parseOptions(['--store', 's3']).store, 's3');
  assert.throws(() => parseOptions(['--store', 'tape']), UsageError);
});
