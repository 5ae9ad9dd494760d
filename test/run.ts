// What `npm test` runs: installs the system's packages where it may, then every test file, then says what was skipped and
// why. `npm test -- test/http` runs only the tests there; a file, a glob and node's --test-name-pattern work as well.
import { chmod, glob, mkdtemp, stat } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { endProcessesOf, removeWithMounts } from './support/processes.ts';
import { installMissing } from './support/system-packages.ts';

const root = join(import.meta.dirname, '..');

/** Tests that start container daemons or measure: one file at a time, after the others. */
const ONE_AT_A_TIME = [
  'test/clients/',
  'test/crash/',
  'test/guides/',
  'test/image/',
  'test/process/',
  'test/replicas/clients.test.ts',
  'test/bench/',
];

/** Of the others, those that begin first: they take long, some of it waiting, and the rest fits in beside them. */
const LONGEST = ['test/stores/', 'test/replicas/'];

/** Files that are named at the end, so that it is seen where the time goes. */
const SLOWEST_FILES = 10;

/** Only for what hangs; no test is expected to come near it. */
const HANGING_FILE_MS = 900_000;

interface Tally {
  passed: number;
  failed: number;
  skipped: string[];
  readonly files: { readonly name: string; readonly seconds: number }[];
}

type Reporter = InstanceType<typeof spec>;

type Filters = Pick<NonNullable<Parameters<typeof run>[0]>, 'testNamePatterns' | 'testSkipPatterns' | 'only'>;

process.exitCode = await main();

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      'test-name-pattern': { type: 'string', multiple: true },
      'test-skip-pattern': { type: 'string', multiple: true },
      'test-only': { type: 'boolean' },
    },
  });
  const files = await filesFor(positionals.length > 0 ? positionals : ['test']);
  if (files.length === 0) {
    console.error(`no test file: ${positionals.join(' ')}`);
    return 1;
  }
  await installMissing((line) => console.log(line));
  const filters: Filters = {
    ...(values['test-name-pattern'] && { testNamePatterns: values['test-name-pattern'] }),
    ...(values['test-skip-pattern'] && { testSkipPatterns: values['test-skip-pattern'] }),
    ...(values['test-only'] && { only: true }),
  };
  const { passed, failed, skipped, files: ran } = await inTemporaryRoot(() => runAll(files, filters));
  const slowest = ran.sort((one, other) => other.seconds - one.seconds).slice(0, SLOWEST_FILES);
  console.log(
    `longest:\n${slowest.map(({ name, seconds }) => `  ${seconds.toFixed(1)} s ${name}`).join('\n')}`,
  );
  if (skipped.length > 0) console.log(`skipped:\n${skipped.map((line) => `  ${line}`).join('\n')}`);
  console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
  return failed === 0 ? 0 : 1;
}

async function runAll(files: readonly string[], filters: Filters): Promise<Tally> {
  const isOf = (folders: readonly string[]) => (file: string) =>
    folders.some((folder) => file.startsWith(join(root, folder)));
  const isSerial = isOf(ONE_AT_A_TIME);
  const reporter = new spec();
  reporter.pipe(process.stdout, { end: false });
  const tally: Tally = { passed: 0, failed: 0, skipped: [], files: [] };
  const parallel = files.filter((file) => !isSerial(file));
  const isLong = isOf(LONGEST);
  parallel.sort((one, other) => Number(isLong(other)) - Number(isLong(one)));
  await runFiles(parallel, Math.max(2, availableParallelism()), filters, reporter, tally);
  await runFiles(files.filter(isSerial), 1, filters, reporter, tally);
  reporter.end();
  await finished(reporter);
  return tally;
}

/** Reports on the files as they run, and adds to the tally. */
async function runFiles(
  files: readonly string[],
  concurrency: number,
  filters: Filters,
  reporter: Reporter,
  tally: Tally,
): Promise<void> {
  if (files.length === 0) return;
  for await (const event of run({ files, concurrency, timeout: HANGING_FILE_MS, ...filters })) {
    if (event.type === 'test:summary' && event.data.file !== undefined) {
      const { file, duration_ms: milliseconds } = event.data;
      tally.files.push({ name: relative(root, file), seconds: milliseconds / 1000 });
    } else if (event.type === 'test:summary') {
      const { counts, success } = event.data;
      tally.passed += counts.passed;
      const failed = counts.tests - counts.passed - counts.skipped - counts.todo;
      tally.failed += failed === 0 && !success ? 1 : failed;
    }
    if (event.type === 'test:pass' && event.data.skip !== undefined && event.data.skip !== false) {
      tally.skipped.push(skippedLine(event.data.file, event.data.name, event.data.skip));
    }
    // The counts of each of the two runs would be taken for those of the whole.
    const isCount = event.type === 'test:diagnostic' && /^[a-z_]+ [\d.]+$/.test(event.data.message);
    if (!isCount && !reporter.write(event)) await new Promise((resolve) => reporter.once('drain', resolve));
  }
}

function skippedLine(file: string | undefined, name: string, reason: string | boolean): string {
  const where = file === undefined ? '' : `${relative(root, file)}: `;
  return `${where}${name} (${typeof reason === 'string' && reason !== '' ? reason : 'NO REASON GIVEN'})`;
}

async function filesFor(targets: readonly string[]): Promise<string[]> {
  const files = new Set<string>();
  for (const target of targets) {
    const isDirectory = await stat(target).then(
      (found) => found.isDirectory(),
      () => false,
    );
    const pattern = isDirectory ? join(target, '**/*.test.ts') : target;
    for await (const file of glob(pattern, { cwd: process.cwd() })) files.add(resolve(file));
  }
  return [...files].sort();
}

/** Gives the tests a temporary directory of their own and removes what they leave there, also when interrupted. */
async function inTemporaryRoot<Result>(work: () => Promise<Result>): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-tests-'));
  // Some tests run a server as another user.
  await chmod(directory, 0o755);
  process.env['TMPDIR'] = directory;
  // What one file had compiled, the next ones and the servers that they start need not.
  process.env['NODE_COMPILE_CACHE'] = join(directory, 'compiled');
  const cleanUp = async () => {
    await endProcessesOf(directory);
    await removeWithMounts(directory);
  };
  process.once('SIGINT', () => void cleanUp().finally(() => process.exit(130)));
  process.once('SIGTERM', () => void cleanUp().finally(() => process.exit(143)));
  try {
    return await work();
  } finally {
    await cleanUp();
  }
}
