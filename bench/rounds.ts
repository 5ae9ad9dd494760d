// Runs the rows: every round takes each row of a group once for each registry, one right after the other, and another registry
// begins every time, so that what changes on the machine meanwhile meets all of them.
import { WrongAnswer } from './load/connection.ts';
import { readMemory } from './rows/memory.ts';
import type { Readings, Row } from './rows/row.ts';
import type { Target } from './targets.ts';

export interface Measurement {
  readonly target: string;
  readonly metric: string;
  readonly round: number;
  readonly value: number;
}

/** A wrong answer, and where it was given. */
export interface Problem {
  readonly target: string;
  readonly row: string;
  readonly message: string;
}

export interface Outcome {
  readonly measurements: readonly Measurement[];
  readonly problems: readonly Problem[];
  /** How many blobs were pulled and found to be what their digests say. */
  readonly verified: number;
}

export interface Plan {
  /** Rows that take turns. A group begins when all rounds of the one before are over. */
  readonly groups: readonly (readonly Row[])[];
  readonly targets: readonly Target[];
  readonly rounds: number;
  readonly memory: boolean;
  /** Told what is going on, one line at a time. */
  print(line: string): void;
}

/** Wrong answers are collected; whatever else fails is thrown. A row that cannot be prepared is left out for that registry. */
export async function runRounds({ groups, targets, rounds, memory, print }: Plan): Promise<Outcome> {
  const measurements: Measurement[] = [];
  const problems: Problem[] = [];
  const rows = groups.flat();
  const broken = new Map<Row, Set<Target>>(rows.map((row) => [row, new Set()]));

  const note = (target: Target, round: number, readings: Readings): void => {
    for (const [metric, value] of Object.entries(readings)) {
      if (value !== undefined) measurements.push({ target: target.name, metric, round, value });
    }
  };
  const noteMemory = async (when: 'idle' | 'loaded'): Promise<void> => {
    if (!memory) return;
    for (const [target, readings] of await readMemory(when, targets)) note(target, 1, readings);
  };
  /** False after a wrong answer. */
  const attempt = async (row: Row, target: Target, step: () => Promise<void>): Promise<boolean> => {
    if (broken.get(row)?.has(target)) return false;
    try {
      await step();
      return true;
    } catch (error) {
      if (!(error instanceof WrongAnswer)) throw error;
      problems.push({ target: target.name, row: row.name, message: error.message });
      print(`${row.name}, ${target.name}: ${error.message}`);
      return false;
    }
  };

  const prepare = async (row: Row): Promise<void> => {
    print(`preparing ${row.name}`);
    for (const target of targets.filter(takesPartIn(row))) {
      const prepared = await attempt(row, target, () => row.prepare(target));
      if (!prepared) broken.get(row)?.add(target);
    }
  };
  const measure = async (row: Row, round: number): Promise<void> => {
    print(`round ${round} of ${rounds}: ${row.name}`);
    for (const target of rotate(targets, round - 1).filter(takesPartIn(row))) {
      await attempt(row, target, async () => note(target, round, await row.measure(target, round)));
    }
  };

  await noteMemory('idle');
  for (const group of groups) {
    for (const row of group) await prepare(row);
    for (let round = 1; round <= rounds; round++) {
      for (const row of group) await measure(row, round);
    }
  }
  await noteMemory('loaded');
  let verified = 0;
  for (const row of rows) {
    for (const target of targets.filter(takesPartIn(row))) {
      const { verify } = row;
      if (verify && (await attempt(row, target, () => verify(target)))) verified += 1;
    }
  }
  return { measurements, problems, verified };
}

function takesPartIn(row: Row): (target: Target) => boolean {
  return ({ bucket, guarded }) => {
    if (row.needsLogin === true) return guarded !== undefined;
    return bucket === undefined || row.onBuckets === true;
  };
}

function rotate<Item>(items: readonly Item[], by: number): readonly Item[] {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}
