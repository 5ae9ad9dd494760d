// From single measurements to the lines of the table.
import type { Measurement } from './rounds.ts';
import type { Metric } from './rows/row.ts';

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Figure extends Spread {
  readonly target: string;
  /** One for each round. */
  readonly values: readonly number[];
}

/** How many times better ours is, taken round by round: above 1 ours is better, whichever way the metric counts. */
export interface Ratio extends Spread {
  readonly against: string;
}

export interface Line extends Metric {
  readonly figures: readonly Figure[];
  readonly ratios: readonly Ratio[];
}

/** `targets`: their names, ours first. */
export function summarize(
  metrics: readonly Metric[],
  targets: readonly string[],
  measurements: readonly Measurement[],
): readonly Line[] {
  return metrics.map((metric) => {
    const taken = measurements.filter((measurement) => measurement.metric === metric.name);
    const byTarget = targets.map((target) => ({
      target,
      rounds: new Map(taken.filter((one) => one.target === target).map(({ round, value }) => [round, value])),
    }));
    const [ours, ...others] = byTarget;
    return {
      ...metric,
      figures: byTarget.flatMap(({ target, rounds }) => {
        const values = [...rounds.values()];
        return values.length === 0 ? [] : [{ target, values, ...spread(values) }];
      }),
      ratios: others.flatMap(({ target, rounds }) => {
        const ratios = compare(metric, ours?.rounds ?? new Map(), rounds);
        return ratios.length === 0 ? [] : [{ against: target, ...spread(ratios) }];
      }),
    };
  });
}

/** Throws a RangeError if there is no value. */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  const upper = sorted[Math.ceil((sorted.length - 1) / 2)];
  const min = sorted.at(0);
  const max = sorted.at(-1);
  if (lower === undefined || upper === undefined || min === undefined || max === undefined) {
    throw new RangeError('nothing has no median');
  }
  return { median: (lower + upper) / 2, min, max };
}

function compare(
  { better }: Metric,
  ours: ReadonlyMap<number, number>,
  theirs: ReadonlyMap<number, number>,
): readonly number[] {
  const ratios: number[] = [];
  for (const [round, our] of ours) {
    const their = theirs.get(round);
    const ratio = better === 'more' ? our / (their ?? 0) : (their ?? 0) / our;
    // A cost too small for the clock's resolution is 0, and gives no ratio.
    if (their !== undefined && Number.isFinite(ratio) && ratio > 0) ratios.push(ratio);
  }
  return ratios;
}
