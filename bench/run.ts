// `npm run bench`: measures Berth and Debian's docker-registry side by side and prints how they compare. NOTES.md tells how
// to read it. The exit code is 1 if a request got a wrong answer, never because of a time.
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measure } from './measure.ts';
import { type Options, parseOptions, UsageError, usage } from './options.ts';
import { formatCosts, readTopCosts } from './profile.ts';
import { formatJson, formatMarkdown, formatText, type Report } from './report.ts';

/** Somebody wants the bench to end. */
class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

const USAGE_EXIT = 2;
const INTERRUPTED_EXIT = 130;
const SHOWN_COSTS = 30;

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof Interrupted) process.exit(INTERRUPTED_EXIT);
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${usage}\n`);
  process.exitCode = USAGE_EXIT;
}

async function main(parameters: readonly string[]): Promise<number> {
  const options = parseOptions(parameters);
  if (options.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const profiles = options.profile ? await mkdtemp(join(tmpdir(), 'berth-profile-')) : undefined;
  const report = await measureTidily(options, profiles);
  await writeReport(options, report);
  if (profiles !== undefined) {
    const costs = formatCosts(await readTopCosts(profiles, SHOWN_COSTS));
    process.stdout.write(`\n${costs}\nThe profiles are in ${profiles}\n`);
  }
  return report.problems.length > 0 ? 1 : 0;
}

/** Whatever happens, the servers are stopped and their directories are gone afterwards. Throws `Interrupted`. */
async function measureTidily(options: Options, profiles: string | undefined): Promise<Report> {
  await using tidy = new AsyncDisposableStack();
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  const interrupt = () => reject(new Interrupted('interrupted'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  return await Promise.race([measure(options, profiles, tidy, printProgress), interrupted]);
}

async function writeReport(options: Options, report: Report): Promise<void> {
  process.stdout.write(`\n${formatText(report)}`);
  if (options.json !== undefined) await writeFile(options.json, formatJson(report));
  if (options.markdown !== undefined) await writeFile(options.markdown, formatMarkdown(report));
}

function printProgress(line: string): void {
  process.stderr.write(`${line}\n`);
}
