// The script that npm runs before `npm start` and `npm test`, with the real npm and a project that needs no network: its
// package `node` is a folder beside it.
import assert from 'node:assert/strict';
import { copyFile, mkdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type CommandResult, runCommand, tryCommand } from '../support/command.ts';
import { privateDirectory } from '../support/processes.ts';

const script = join(import.meta.dirname, '..', '..', 'scripts', 'install-when-needed.sh');
const hasNpm = await tryCommand(['npm', '--version']).then(
  ({ code }) => code === 0,
  () => false,
);
const skip = !hasNpm && 'not installed: npm';

interface Project {
  readonly directory: string;
  path(...names: readonly string[]): string;
  /** Runs `npm start`, whose prestart is the script. */
  start(environment?: NodeJS.ProcessEnv): Promise<CommandResult>;
}

test('the first command in a fresh clone installs, and the second one only runs', { skip }, async (t) => {
  const project = await makeProject(t);
  const first = await project.start();
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stderr, /berth: installing the packages of package-lock\.json/);
  assert.match(first.stdout, /started/);
  const second = await project.start();
  assert.equal(second.code, 0, second.stderr);
  assert.doesNotMatch(second.stderr, /berth:/);
});

test('a production environment and an outer `--omit=dev` do not leave the runtime out', {
  skip,
}, async (t) => {
  const project = await makeProject(t);
  const { code, stderr } = await project.start({ NODE_ENV: 'production', npm_config_omit: 'dev' });
  assert.equal(code, 0, stderr);
});

test('a lock file that changed is noticed, one that was only touched is not', { skip }, async (t) => {
  const project = await makeProject(t);
  await project.start();
  await utimes(project.path('package-lock.json'), new Date(), new Date());
  assert.doesNotMatch((await project.start()).stderr, /berth:/);
  await makePackage(project.directory, 'added', 'index.js');
  await lock(project.directory, { devDependencies: { node: 'file:node', added: 'file:added' } });
  const { code, stderr } = await project.start();
  assert.equal(code, 0, stderr);
  assert.match(stderr, /berth: installing/);
  await stat(project.path('node_modules', 'added', 'package.json'));
});

test('packages that npm itself installed by the same lock file are left as they are', { skip }, async (t) => {
  const project = await makeProject(t);
  await npm(project.directory, 'ci', '--no-audit', '--no-fund', '--silent');
  await writeFile(project.path('node_modules', 'marker'), '');
  const { code, stderr } = await project.start();
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /berth:/);
  await stat(project.path('node_modules', 'marker'));
});

test('a failed installation says so and ends with 1', { skip }, async (t) => {
  const project = await makeProject(t);
  await writeFile(project.path('package-lock.json'), '{}');
  const { code, stderr } = await project.start();
  assert.equal(code, 1);
  assert.match(stderr, /berth: npm ci failed/);
});

test('a runtime that is missing or too old after the installation is named, with what to do', {
  skip,
}, async (t) => {
  const project = await makeProject(t);
  await rm(project.path('node', 'bin'));
  await writeFile(project.path('node', 'bin'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const { code, stderr } = await project.start();
  assert.equal(code, 1);
  assert.match(stderr, /did not bring a Node that this project can run on/);
  assert.match(stderr, /npm rebuild node --ignore-scripts=false/);
  assert.match((await project.start()).stderr, /npm rebuild node/, 'and is named again');
});

async function makeProject(t: TestContext): Promise<Project> {
  const directory = await privateDirectory('install', t);
  await mkdir(join(directory, 'scripts'));
  await copyFile(script, join(directory, 'scripts', 'install-when-needed.sh'));
  await makePackage(directory, 'node', 'bin');
  await rm(join(directory, 'node', 'bin'));
  await symlink(process.execPath, join(directory, 'node', 'bin'));
  await lock(directory, { devDependencies: { node: 'file:node' } });
  return {
    directory,
    path: (...names) => join(directory, ...names),
    start: (environment = {}) =>
      tryCommand(['npm', 'start'], { directory, environment: { ...plain, ...environment } }),
  };
}

/** Without what an outer `npm test` hands down: it would name the outer project. */
const plain: NodeJS.ProcessEnv = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => name.startsWith('npm_'))
    .map((name) => [name, undefined]),
);

/** A package of one file, which is its program as well. */
async function makePackage(directory: string, name: string, file: string): Promise<void> {
  await mkdir(join(directory, name));
  await writeFile(join(directory, name, file), '');
  const description = { name, version: '1.0.0', bin: { [name]: file } };
  await writeFile(join(directory, name, 'package.json'), JSON.stringify(description));
}

async function lock(directory: string, dependencies: object): Promise<void> {
  const description = {
    name: 'project',
    version: '1.0.0',
    private: true,
    engines: { node: '>=24.12' },
    scripts: { prestart: 'sh scripts/install-when-needed.sh', start: 'echo started' },
    ...dependencies,
  };
  await writeFile(join(directory, 'package.json'), JSON.stringify(description));
  await npm(directory, 'install', '--package-lock-only', '--no-audit', '--no-fund', '--silent');
}

async function npm(directory: string, ...parameters: readonly string[]): Promise<void> {
  await runCommand(['npm', ...parameters], { directory, environment: plain });
}
