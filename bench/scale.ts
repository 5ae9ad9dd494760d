// `npm run bench:scale`: whether Berth costs more on a store with much in it than on one with little. NOTES.md tells how to read
// it. The exit code is 1 if a request got a wrong answer, never because of a time.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { settleDisk } from './disk.ts';
import { describeMachine } from './machine.ts';
import { UsageError } from './options.ts';
import { amountsAt } from './scale/contents.ts';
import { fillStore } from './scale/fill.ts';
import { type FilledStore, measureRound, type Reading } from './scale/measure.ts';
import { parseScaleOptions, type ScaleOptions, usage } from './scale/options.ts';
import { formatScale } from './scale/report.ts';

const USAGE_EXIT = 2;
/** There is a least of everything. */
const SMALL = 0;

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${usage}\n`);
  process.exitCode = USAGE_EXIT;
}

async function main(parameters: readonly string[]): Promise<void> {
  const options = parseScaleOptions(parameters);
  if (options.help) {
    process.stdout.write(`${usage}\n`);
    return;
  }
  await using tidy = new AsyncDisposableStack();
  const directory = await chooseDirectory(options, tidy);
  const machine = await describeMachine(directory);
  const large = await provideStore(directory, options.scale);
  const small = await provideStore(directory, SMALL);
  await settleDisk();
  const rounds: (readonly Reading[])[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    print(`round ${round + 1} of ${options.rounds}`);
    rounds.push(await measureRound([large, small], round));
  }
  const { fillSeconds } = large;
  const report = { machine, large: large.amounts, small: small.amounts, fillSeconds, rounds };
  process.stdout.write(`\n${formatScale(report)}`);
}

async function chooseDirectory(options: ScaleOptions, tidy: AsyncDisposableStack): Promise<string> {
  if (options.directory !== undefined) {
    await mkdir(options.directory, { recursive: true });
    return options.directory;
  }
  const directory = await mkdtemp(join(tmpdir(), 'berth-scale-'));
  tidy.defer(async () => {
    print('removing the stores');
    await rm(directory, { recursive: true, force: true });
  });
  return directory;
}

/** Fills a store of this scale, unless it is there and whole. */
async function provideStore(
  directory: string,
  scale: number,
): Promise<FilledStore & { readonly fillSeconds: number | undefined }> {
  const place = join(directory, `scale-${scale}`);
  const store = { directory: join(place, 'store'), amounts: amountsAt(scale) };
  // The seeds go last.
  if (existsSync(store.directory) && !existsSync(join(place, 'seeds')))
    return { ...store, fillSeconds: undefined };
  print(`filling a store: ${place}`);
  await rm(place, { recursive: true, force: true });
  return { ...store, fillSeconds: await fillStore(place, scale) };
}

function print(line: string): void {
  process.stderr.write(`${line}\n`);
}
