// One whole run: gets the programs, starts the registries and the load, runs the rows, and sums up.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFreeBytes } from './disk.ts';
import { startLoad } from './load/client.ts';
import { describeMachine } from './machine.ts';
import { type Options, UsageError } from './options.ts';
import { provideProgram } from './packages.ts';
import type { Report } from './report.ts';
import { runRounds } from './rounds.ts';
import { createRows, groupRows, usualRows } from './rows/all.ts';
import { memoryMetrics, memoryRow } from './rows/memory.ts';
import type { Row } from './rows/row.ts';
import { bucketSizes, fullSizes, quickSizes, type Sizes, storageBytes } from './sizes.ts';
import { summarize } from './statistics.ts';
import { openStore } from './stores/open.ts';
import { startTargets } from './targets.ts';

/** Characters of a server's output that are shown after a wrong answer. */
const SHOWN_OUTPUT = 4000;

/**
 * Everything that has to be stopped or removed is handed to `tidy`. Throws `UsageError` if a row is unknown, an Error if the disk
 * is too small.
 */
export async function measure(
  options: Options,
  profileDirectory: string | undefined,
  tidy: AsyncDisposableStack,
  print: (line: string) => void,
): Promise<Report> {
  const withWrk = await provideProgram('wrk', print);
  if (!withWrk) print('skipped, since wrk is missing: the rows that count requests');
  const withDockerRegistry = await provideProgram('docker-registry', print);
  if (!withDockerRegistry) print('skipped, since it is missing: docker-registry');

  const directory = await mkdtemp(join(tmpdir(), 'berth-bench-'));
  tidy.defer(() => rm(directory, { recursive: true, force: true }));
  const sizes = sizesFor(options);
  const machine = await describeMachine(directory);
  await requireSpace(directory, storageBytes(sizes) * (withDockerRegistry ? 2 : 1));
  const store = await openStore(options.store, directory, tidy, print);

  const load = startLoad();
  tidy.defer(() => load.stop());
  const selected = selectRows(createRows(load, sizes, { withWrk, store: options.store }), options);
  const registries = await startTargets({
    store,
    withDockerRegistry,
    withLogin: selected.rows.some(({ needsLogin }) => needsLogin === true),
    relaxed: options.relaxed,
    against: options.against,
    profileDirectory,
  });
  tidy.use(registries);
  // Once more, so that at an interruption no load is under way when the registries are asked to stop.
  tidy.defer(() => load.stop());

  const { rows, memory } = selected;
  const targets = registries.all;
  const groups = groupRows(options.store, rows);
  const outcome = await runRounds({ groups, targets, rounds: options.rounds, memory, print });
  for (const { name, output } of targets) {
    const isToBlame = outcome.problems.some(({ target }) => target === name);
    if (isToBlame && output) print(`the last that ${name} printed:\n${output().slice(-SHOWN_OUTPUT)}`);
  }
  const names = targets.map(({ name }) => name);
  const metrics = [...rows.flatMap((row) => row.metrics), ...(memory ? memoryMetrics : [])];
  return {
    machine,
    store: options.store,
    quick: options.quick,
    rounds: options.rounds,
    targets: names,
    lines: summarize(metrics, names, outcome.measurements),
    problems: outcome.problems,
    verified: outcome.verified,
  };
}

function sizesFor({ quick, store }: Options): Sizes {
  if (quick) return quickSizes;
  return store === 's3' ? bucketSizes : fullSizes;
}

interface Selection {
  readonly rows: readonly Row[];
  readonly memory: boolean;
}

function selectRows(rows: readonly Row[], { store, rows: asked }: Options): Selection {
  if (asked === undefined) return { rows: usualRows(store, rows), memory: true };
  const known = [...rows.map(({ name }) => name), memoryRow];
  const unknown = asked.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new UsageError(`no such rows: ${unknown.join(', ')}; there are ${known.join(', ')}`);
  }
  return { rows: rows.filter(({ name }) => asked.includes(name)), memory: asked.includes(memoryRow) };
}

async function requireSpace(directory: string, bytes: number): Promise<void> {
  const free = await readFreeBytes(directory);
  if (free >= bytes) return;
  const gib = (count: number) => (count / 1024 ** 3).toFixed(1);
  throw new Error(`${directory} has ${gib(free)} GiB left; the bench needs ${gib(bytes)} GiB`);
}
