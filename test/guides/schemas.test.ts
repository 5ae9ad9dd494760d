// Files for programs that are not here, held to the schemas of these: GitHub's workflows, GitLab's jobs, Kubernetes, compose.
import assert from 'node:assert/strict';
import { glob, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { CommandFailed } from '../support/command.ts';
import { openSchemaCheckers, SCHEMAS, type Schema } from '../support/schema-checkers.ts';
import { temporaryDirectory } from '../support/service.ts';

const root = join(import.meta.dirname, '../..');
const checkers = await openSchemaCheckers();
const skip = typeof checkers === 'string' ? checkers : false;

async function check(schema: Schema, file: string): Promise<void> {
  assert.ok(typeof checkers !== 'string');
  await checkers.check(schema, file);
}

test('the workflows of the repository are as GitHub wants them', { skip }, async () => {
  for await (const file of glob('.github/workflows/*.yml', { cwd: root })) {
    await check('github-workflows', join(root, file));
  }
});

test('workflows and jobs that the pages have for GitHub and GitLab are as these want them', {
  skip,
}, async (t) => {
  const file = join(await temporaryDirectory(t), 'page.yml');
  const pages = await Promise.all(
    ['guides/publishing.md', 'access-control.md'].map((name) => readFile(join(root, 'docs', name), 'utf8')),
  );
  const found = pages.flatMap((text) => [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)]);
  const checked = { 'github-workflows': 0, 'gitlab-ci': 0 };
  for (const [, text = ''] of found) {
    const schema = /^jobs:/m.test(text)
      ? 'github-workflows'
      : /^publish:/.test(text)
        ? 'gitlab-ci'
        : undefined;
    if (schema === undefined) continue;
    await writeFile(file, text);
    await check(schema, file);
    checked[schema] += 1;
  }
  assert.deepEqual(checked, { 'github-workflows': 2, 'gitlab-ci': 2 });
});

test('the manifests are as Kubernetes wants them, without a field that it does not know', {
  skip,
}, async () => {
  for (const name of ['namespace', 'configuration', 'redis', 'berth']) {
    await check('kubernetes', join(root, `deploy/kubernetes/${name}.yaml`));
  }
});

test('docker-compose.yml is as the specification of compose wants it', { skip }, async () => {
  await check('compose-spec', join(root, 'docker-compose.yml'));
});

test('a field that is misspelt is found by each of them', { skip }, async (t) => {
  const file = join(await temporaryDirectory(t), 'wrong.yml');
  const wrong: Readonly<Record<Schema, string>> = {
    'github-workflows': 'on: push\njobs: { a: { runs-on: x, timeout-minuts: 1, steps: [{ run: x }] } }\n',
    'gitlab-ci': 'publish: { script: [x], imag: y }\n',
    kubernetes: 'apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { port: [] }\n',
    'compose-spec': 'services: { a: { imag: x } }\n',
  };
  for (const schema of SCHEMAS) {
    await writeFile(file, wrong[schema]);
    await assert.rejects(check(schema, file), CommandFailed, schema);
  }
});
