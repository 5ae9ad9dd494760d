// Which way imports run (CONTRIBUTING.md), held by reading the import statements of every file.
import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..');

interface Module {
  /** From the root of the project. */
  readonly path: string;
  readonly text: string;
  /** Files of ours, and names of packages. */
  readonly imports: readonly string[];
}

const modules = await readModules();

async function readModules(): Promise<readonly Module[]> {
  const found: Module[] = [];
  for await (const path of glob('{src,config,storage-drivers}/**/*.ts', { cwd: root })) {
    const text = await readFile(join(root, path), 'utf8');
    found.push({ path, text, imports: importsOf(path, text) });
  }
  return found.sort((left, right) => (left.path < right.path ? -1 : 1));
}

function importsOf(path: string, text: string): string[] {
  const statements =
    /(?:^|\n)(?:import|export)\s(?:[^;'"]*?\sfrom\s)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;
  return [...text.matchAll(statements)].map(([, still, dynamic]) => {
    const name = still ?? dynamic ?? '';
    return name.startsWith('.') ? relative(root, join(root, dirname(path), name)) : name;
  });
}

function isPackage(name: string, wanted: string): boolean {
  return name === wanted || name.startsWith(`${wanted}/`);
}

/** For each room: what a file in it may import of ours. The first row that fits a file counts. */
const rooms: readonly (readonly [room: RegExp, mayImport: RegExp])[] = [
  [/^config\//, /^config\//],
  [/^storage-drivers\//, /^storage-drivers\//],
  [/^src\/compose(-\w+)?\.ts$/, /./],
  // A command calls compose; beyond that it explains failures, and so knows the errors of those who throw them.
  [
    /^src\/cli\//,
    /^(src\/(cli|auth|events|observe|maintenance|sessions|workers)\/|src\/compose(-\w+)?\.ts|src\/registry\/errors\.ts|src\/http\/tls\/|config\/|storage-drivers\/errors\.ts)/,
  ],
  [/^src\/registry\//, /^(src\/registry\/|storage-drivers\/(driver|errors)\.ts)/],
  [/^src\/sessions\//, /^(src\/sessions\/|src\/registry\/|storage-drivers\/(driver|errors)\.ts)/],
  [/^src\/auth\//, /^(src\/auth\/|src\/registry\/|storage-drivers\/(driver|errors)\.ts)/],
  [/^src\/events\//, /^(src\/events\/|src\/registry\/|storage-drivers\/(driver|errors)\.ts)/],
  [/^src\/http\//, /^src\/(http|registry|auth|observe)\//],
  [/^src\/maintenance\//, /^(src\/maintenance\/|src\/registry\/|src\/sessions\/|storage-drivers\/)/],
  [/^src\/workers\//, /^(src\/(workers|auth|http|registry|sessions)\/|storage-drivers\/(driver|errors)\.ts)/],
  [/^src\/observe\//, /^src\/observe\//],
];

test('the files of the project are found, and their imports read', () => {
  assert.ok(modules.length > 60, `${modules.length} files`);
  const compose = modules.find(({ path }) => path === 'src/compose.ts');
  assert.ok(compose?.imports.includes('src/http/server.ts'));
  assert.ok(compose?.imports.includes('pino'));
});

for (const { path, imports } of modules) {
  test(`${path} imports only what its room may import`, () => {
    const [, mayImport] = rooms.find(([room]) => room.test(path)) ?? [];
    assert.ok(mayImport !== undefined, 'belongs to no room: name it in this test and in CONTRIBUTING.md');
    const ours = imports.filter((name) => /^(src|config|storage-drivers|test|bench)\//.test(name));
    assert.deepEqual(
      ours.filter((name) => !mayImport.test(name)),
      [],
    );
  });
}

const packages: readonly (readonly [name: string, where: RegExp])[] = [
  ['koa', /^src\/http\//],
  ['@koa', /^src\/http\//],
  ['@aws-sdk', /^storage-drivers\/s3\//],
  ['ioredis', /^src\/(sessions\/redis|compose)\.ts$/],
  ['jsonwebtoken', /^src\/auth\/tokens\//],
  ['bcryptjs', /^src\/auth\/passwords\//],
  ['undici', /^src\/(auth\/oidc|events|http\/tls)\//],
  ['yaml', /^config\//],
  ['prom-client', /^src\/observe\/metrics\//],
  ['@opentelemetry', /^src\/observe\/tracing\.ts$/],
];
for (const [name, where] of packages) {
  test(`${name} is imported only where it belongs`, () => {
    const users = modules.filter(({ imports }) => imports.some((used) => isPackage(used, name)));
    assert.deepEqual(
      users.map(({ path }) => path).filter((path) => !where.test(path)),
      [],
    );
  });
}

test('a start loads no client and no SDK before it is known to be needed', () => {
  const texts = new Map(modules.map(({ path, text }) => [path, text]));
  const reached = new Set<string>();
  const packagesReached = new Set<string>();
  function follow(path: string): void {
    if (reached.has(path)) return;
    reached.add(path);
    // Types are gone at run time, and import() waits to be called.
    const values = (texts.get(path) ?? '')
      .replace(/^import type [^;]*;/gm, '')
      .replace(/\bimport\([^)]*\)/g, '');
    for (const name of importsOf(path, values)) texts.has(name) ? follow(name) : packagesReached.add(name);
  }
  // One process that does everything, and those of a server with several: which ones, the configuration says.
  for (const start of ['cli/serve.ts', 'cli/worker.ts', 'compose.ts', 'compose-primary.ts'])
    follow(`src/${start}`);
  assert.ok(reached.has('src/compose.ts') && packagesReached.has('pino'));
  for (const late of ['@aws-sdk', 'ioredis', 'prom-client', '@opentelemetry']) {
    assert.deepEqual(
      [...packagesReached].filter((name) => isPackage(name, late)),
      [],
      late,
    );
  }
});

test('the domain knows no server and no client', () => {
  const foreign = ['node:http', 'node:https', 'node:net', 'node:fs', 'node:fs/promises', 'pino'];
  const users = modules.filter(
    ({ path, imports }) => path.startsWith('src/registry/') && imports.some((name) => foreign.includes(name)),
  );
  assert.deepEqual(
    users.map(({ path }) => path),
    [],
  );
});

test('the environment is read only by the configuration and the command line', () => {
  assert.deepEqual(
    filesWith(/\bprocess\.env\b/).filter((path) => !/^(config|src\/cli)\//.test(path)),
    [],
  );
});

test('nothing is printed past the log', () => {
  assert.deepEqual(
    filesWith(/\bconsole\.|\bprocess\.std(?:out|err)\b/).filter((path) => !path.startsWith('src/cli/')),
    [],
  );
  assert.deepEqual(filesWith(/\bconsole\./), []);
});

test('no file imports itself by way of others', () => {
  const graph = new Map(modules.map(({ path, imports }) => [path, imports]));
  const done = new Set<string>();
  function follow(path: string, way: readonly string[]): void {
    const start = way.indexOf(path);
    assert.equal(start, -1, `a circle: ${[...way.slice(start), path].join(' -> ')}`);
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) follow(next, [...way, path]);
    done.add(path);
  }
  for (const path of graph.keys()) follow(path, []);
});

test('only classes of errors are classes', () => {
  const classes = modules.flatMap(({ path, text }) =>
    [...text.matchAll(/^(?:export )?(?:abstract )?class (\w+)(?: extends (\w+))?/gm)].map(
      ([, name = '', parent = '']) => ({ path, name, parent }),
    ),
  );
  assert.deepEqual(
    classes.filter(({ parent }) => !/Error$/.test(parent)),
    [],
  );
});

function filesWith(pattern: RegExp): string[] {
  return modules.filter(({ text }) => pattern.test(text)).map(({ path }) => path);
}
