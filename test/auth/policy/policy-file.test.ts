// Rules in a file that changes under the server.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { PolicyError, type PolicyOptions } from '../../../src/auth/policy/policy.ts';
import { type PolicyFile, watchPolicyFile } from '../../../src/auth/policy/policy-file.ts';
import { parseRepositoryName } from '../../../src/registry/name.ts';
import { anonymous } from './callers.ts';
import { plainYaml } from './plain-yaml.ts';

interface Watched {
  readonly file: PolicyFile;
  readonly logLines: readonly string[];
}

/** Looks that the test makes itself; the file's own timer does not come into it. */
const NEVER_MS = 2 ** 30;

async function directoryFor(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-policy-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function watch(t: TestContext, path: string, options?: () => PolicyOptions): Promise<Watched> {
  const logLines: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => void logLines.push(line) });
  const file = await watchPolicyFile({
    path,
    log,
    parseText: plainYaml,
    intervalMs: NEVER_MS,
    ...(options && { options }),
  });
  t.after(() => file.stop());
  return { file, logLines };
}

function rulesFor(repository: string): string {
  return `rules: [{ repositories: ${repository}, for: anonymous, actions: pull }]\n`;
}

function shows(file: PolicyFile, repository: string): boolean {
  return file.current().may(anonymous, 'pull', parseRepositoryName(repository));
}

async function lookTwice(file: PolicyFile): Promise<void> {
  await file.look();
  await file.look();
}

test('new rules hold once the file has stood still from one look to the next', async (t) => {
  const path = join(await directoryFor(t), 'policy.yml');
  await writeFile(path, rulesFor('old'));
  const { file, logLines } = await watch(t, path);
  assert.deepEqual([shows(file, 'old'), shows(file, 'new')], [true, false]);
  await writeFile(path, rulesFor('new'));
  await file.look();
  assert.equal(shows(file, 'old'), true, 'it may be half-written');
  await file.look();
  assert.deepEqual([shows(file, 'old'), shows(file, 'new')], [false, true]);
  await lookTwice(file);
  assert.equal(logLines.filter((line) => line.includes('were read again')).length, 1);
});

test('a policy that was taken before a change stays what it was', async (t) => {
  const path = join(await directoryFor(t), 'policy.yml');
  await writeFile(path, rulesFor('old'));
  const { file } = await watch(t, path);
  const before = file.current();
  await writeFile(path, rulesFor('new'));
  await lookTwice(file);
  assert.equal(before.may(anonymous, 'pull', parseRepositoryName('old')), true);
});

test('a file that goes on changing is not read until it stops', async (t) => {
  const path = join(await directoryFor(t), 'policy.yml');
  await writeFile(path, rulesFor('old'));
  const { file } = await watch(t, path);
  for (const length of [20, 40, 60]) {
    await writeFile(path, rulesFor('new').slice(0, length));
    await file.look();
    assert.equal(shows(file, 'old'), true);
  }
  await writeFile(path, rulesFor('new'));
  await lookTwice(file);
  assert.equal(shows(file, 'new'), true);
});

for (const [title, content] of [
  ['half a file', rulesFor('new').slice(0, 30)],
  ['an empty file', ''],
  ['a file without rules', 'groups: {}\n'],
  ['a wrong rule', rulesFor('new').replace('pull', 'pul')],
  ['what is not UTF-8', Buffer.from([0x72, 0xff, 0xfe])],
  ['a file that is too large', Buffer.alloc(1024 * 1024 + 1, '#')],
] as const) {
  test(`${title} keeps the rules of before, and is told once`, async (t) => {
    const path = join(await directoryFor(t), 'policy.yml');
    await writeFile(path, rulesFor('old'));
    const { file, logLines } = await watch(t, path);
    await writeFile(path, content);
    for (let round = 0; round < 5; round += 1) await file.look();
    assert.equal(shows(file, 'old'), true);
    assert.equal(logLines.length, 1, logLines.join(''));
    assert.match(logLines.join(''), /cannot be used/);
    await writeFile(path, rulesFor('new'));
    await lookTwice(file);
    assert.equal(shows(file, 'new'), true);
    await writeFile(path, content);
    await lookTwice(file);
    assert.equal(logLines.length, 3, 'told again after it had been right');
  });
}

test('a file that is gone keeps the rules of before, and is told once', async (t) => {
  const path = join(await directoryFor(t), 'policy.yml');
  await writeFile(path, rulesFor('old'));
  const { file, logLines } = await watch(t, path);
  await rm(path);
  await lookTwice(file);
  assert.equal(shows(file, 'old'), true);
  assert.equal(logLines.length, 1);
  assert.match(logLines.join(''), /ENOENT/);
  await writeFile(path, rulesFor('new'));
  await lookTwice(file);
  assert.equal(shows(file, 'new'), true);
});

test('a link that is moved to another directory is noticed, as Kubernetes changes mounted files', async (t) => {
  const directory = await directoryFor(t);
  for (const version of ['old', 'new']) {
    await mkdir(join(directory, version));
    await writeFile(join(directory, version, 'policy.yml'), rulesFor(version));
  }
  await symlink('old', join(directory, '..data'));
  await symlink('..data/policy.yml', join(directory, 'policy.yml'));
  const { file } = await watch(t, join(directory, 'policy.yml'));
  assert.equal(shows(file, 'old'), true);
  await symlink('new', join(directory, '..data_tmp'));
  await rename(join(directory, '..data_tmp'), join(directory, '..data'));
  await lookTwice(file);
  assert.equal(shows(file, 'new'), true);
});

test('JSON of the same shape is read too', async (t) => {
  const path = join(await directoryFor(t), 'policy.json');
  const rules = [{ repositories: 'a', for: 'anonymous', actions: ['pull'] }];
  await writeFile(path, JSON.stringify({ rules }, null, 2));
  const { file } = await watch(t, path);
  assert.equal(shows(file, 'a'), true);
});

test('a file that cannot be used at the start is an error with all its problems', async (t) => {
  const directory = await directoryFor(t);
  const path = join(directory, 'policy.yml');
  await assert.rejects(
    watch(t, path),
    (error) => error instanceof PolicyError && /ENOENT/.test(error.message),
  );
  await writeFile(path, 'rules: [{}, {}]');
  await assert.rejects(
    watch(t, path),
    (error) => error instanceof PolicyError && error.problems.length === 6,
  );
  await writeFile(path, 'rules: [');
  await assert.rejects(watch(t, path), PolicyError);
});

test('the names that rules may use are asked for again with each new content', async (t) => {
  const path = join(await directoryFor(t), 'policy.yml');
  await writeFile(path, rulesFor('old'));
  const groups = new Set<string>();
  const { file } = await watch(t, path, () => ({ knownGroups: groups }));
  const text = `rules:\n  - { repositories: new, for: [anonymous, 'group:dev'], actions: pull }\n`;
  await writeFile(path, text);
  await lookTwice(file);
  assert.equal(shows(file, 'new'), false);
  groups.add('dev');
  await writeFile(path, `${text}\n`);
  await lookTwice(file);
  assert.equal(shows(file, 'new'), true);
});

test('the file is looked at without being asked', async (t) => {
  const path = join(await directoryFor(t), 'policy.yml');
  await writeFile(path, rulesFor('old'));
  const read = Promise.withResolvers<void>();
  const log = { info: () => read.resolve(), error: () => undefined };
  const file = await watchPolicyFile({ path, log, parseText: plainYaml, intervalMs: 5 });
  t.after(() => file.stop());
  await writeFile(path, rulesFor('new'));
  const alive = setInterval(() => undefined, 1000);
  t.after(() => clearInterval(alive));
  await read.promise;
  assert.equal(shows(file, 'new'), true);
});
