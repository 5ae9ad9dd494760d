// The table of `npm run bench:scale`.
import type { Machine } from '../machine.ts';
import { formatMachine, formatNumber, formatRatio, layOut } from '../report.ts';
import { spread } from '../statistics.ts';
import type { Amounts } from './contents.ts';
import type { Reading, Spent } from './measure.ts';

export interface ScaleReport {
  readonly machine: Machine;
  readonly large: Amounts;
  readonly small: Amounts;
  /** Seconds that it took to fill the large store; absent if it was there already. */
  readonly fillSeconds: number | undefined;
  readonly rounds: readonly (readonly Reading[])[];
}

export function formatScale({ machine, large, small, fillSeconds, rounds }: ScaleReport): string {
  const filled = fillSeconds === undefined ? 'was there already' : `took ${fillSeconds.toFixed(0)} s to fill`;
  return [
    formatMachine(machine),
    `large: ${describe(large)}; it ${filled}`,
    `small: ${describe(small)}`,
    '',
    ...layOut(tableOf(rounds)),
    '',
    `Medians; rounds: ${rounds.length}. Ratios: large to small, in brackets the lowest and the highest of the rounds.`,
    '',
  ].join('\n');
}

function tableOf(rounds: readonly (readonly Reading[])[]): readonly (readonly string[])[] {
  const head = ['', 'unit', 'large', 'small', 'large to small', 'processor time, large', 'small'];
  const [first = []] = rounds;
  return [
    head,
    ...first.map(({ title, unit }) => {
      const readings = rounds.flat().filter((reading) => reading.title === title);
      const figures = (choose: (reading: Reading) => Spent) => readings.map((one) => choose(one).figure);
      const ratios = readings.map(({ large, small }) => large.figure / small.figure);
      return [
        title,
        unit,
        formatNumber(spread(figures(({ large }) => large)).median),
        formatNumber(spread(figures(({ small }) => small)).median),
        formatRatio(spread(ratios)),
        formatCost(readings.map(({ large }) => large.cpuMs)),
        formatCost(readings.map(({ small }) => small.cpuMs)),
      ];
    }),
  ];
}

function formatCost(costs: readonly (number | undefined)[]): string {
  const known = costs.filter((cost) => cost !== undefined);
  return known.length === 0 ? '' : spread(known).median.toFixed(2);
}

function describe({ repositories, tags, blobs, referrers }: Amounts): string {
  return `${repositories} repositories, ${tags} tags in one of them, ${blobs} blobs, ${referrers} referrers of one subject`;
}
