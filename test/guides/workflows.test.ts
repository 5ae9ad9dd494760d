// .github/workflows: what can be held without GitHub. Every action by its commit, no more rights than needed, and steps that exist.
import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { readGuides } from './blocks.ts';

const root = join(import.meta.dirname, '../..');

/** Their commits could not be checked; the files say so. */
const BY_VERSION = ['opencontainers/distribution-spec@v1.1.1'];

const stepSchema = z.strictObject({
  id: z.string().optional(),
  name: z.string().optional(),
  if: z.string().optional(),
  uses: z.string().optional(),
  run: z.string().optional(),
  with: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  env: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
});

const workflowSchema = z.strictObject({
  name: z.string(),
  on: z.strictObject({
    push: z
      .strictObject({ branches: z.array(z.string()).optional(), tags: z.array(z.string()).optional() })
      .optional(),
    pull_request: z.null().optional(),
  }),
  permissions: z.strictObject({ contents: z.literal('read') }).optional(),
  concurrency: z.strictObject({ group: z.string(), 'cancel-in-progress': z.boolean() }).optional(),
  jobs: z.record(
    z.string(),
    z.strictObject({
      'runs-on': z.string(),
      'timeout-minutes': z.number().optional(),
      permissions: z.record(z.string(), z.enum(['read', 'write'])).optional(),
      steps: z.array(stepSchema).min(1),
    }),
  ),
});

const files: string[] = [];
for await (const file of glob('*.yml', { cwd: join(root, '.github/workflows') })) files.push(file);

test('there are the three workflows', () => {
  assert.deepEqual(files.sort(), ['ci.yml', 'conformance.yml', 'release.yml']);
});

for (const file of files) {
  suite(file, async () => {
    const text = await readFile(join(root, '.github/workflows', file), 'utf8');
    const workflow = workflowSchema.parse(parse(text));
    const jobs = Object.values(workflow.jobs);
    const steps = jobs.flatMap((job) => job.steps);

    test('actions are named by their whole commit, with the version beside it', () => {
      assertPinned(text);
    });

    test('a step uses or runs something, never both', () => {
      for (const step of steps)
        assert.equal(Number(step.uses !== undefined) + Number(step.run !== undefined), 1);
    });

    test('it may read the repository, ends by itself, and leaves no credential behind', () => {
      assert.ok(workflow.permissions);
      for (const job of jobs) assert.ok(job['timeout-minutes']);
      for (const step of steps.filter(({ uses }) => uses?.startsWith('actions/checkout@'))) {
        assert.equal(step.with?.['persist-credentials'], false);
      }
    });

    test('scripts that it runs are in package.json, and no text of others is put into a command', async () => {
      const { scripts } = z
        .object({ scripts: z.record(z.string(), z.string()) })
        .parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));
      for (const { run = '' } of steps) {
        assert.doesNotMatch(run, /\$\{\{/);
        for (const [, name = ''] of run.matchAll(/npm run (\w+)/g)) assert.ok(name in scripts, name);
      }
    });
  });
}

test('the image of a release is for two kinds of machines, with a bill of materials and provenance', async () => {
  const text = await readFile(join(root, '.github/workflows/release.yml'), 'utf8');
  const { jobs } = workflowSchema.parse(parse(text));
  const build = jobs['image']?.steps.find(({ uses }) => uses?.startsWith('docker/build-push-action@'));
  assert.equal(build?.with?.['platforms'], 'linux/amd64,linux/arm64');
  assert.equal(build?.with?.['sbom'], true);
  assert.equal(build?.with?.['provenance'], 'mode=max');
});

test('workflows in the guides are sound, with their actions pinned', async () => {
  const { blocks = [] } = (await readGuides()).get('publishing') ?? {};
  const workflows = blocks.filter(({ text }) => text.startsWith('name: publish'));
  assert.equal(workflows.length, 1);
  for (const { text } of workflows) {
    workflowSchema.parse(parse(text));
    assertPinned(text);
  }
});

function assertPinned(text: string): void {
  for (const [, action = '', comment] of text.matchAll(/uses: (\S+)(?: # (v[\d.]+))?$/gm)) {
    if (BY_VERSION.includes(action)) continue;
    assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
    assert.ok(comment, `${action} without its version`);
  }
}
