// The table, as text for a terminal, as Markdown, and as JSON with every figure.
import type { Machine } from './machine.ts';
import type { Problem } from './rounds.ts';
import type { Line, Spread } from './statistics.ts';
import type { StoreKind } from './stores/store.ts';

export interface Report {
  readonly machine: Machine;
  readonly store: StoreKind;
  readonly quick: boolean;
  readonly rounds: number;
  /** Names, ours first. */
  readonly targets: readonly string[];
  readonly lines: readonly Line[];
  readonly problems: readonly Problem[];
  readonly verified: number;
}

export function formatText(report: Report): string {
  return [formatMachine(report.machine), '', ...layOut(tableOf(report)), '', formatNotes(report), ''].join(
    '\n',
  );
}

/** The lines of a table whose first row is its head; the first two columns are words, the others figures. */
export function layOut(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column < 2 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
  const rule = '-'.repeat(Math.max(...lines.map((line) => line.length)));
  return [...lines.slice(0, 1), rule, ...lines.slice(1)];
}

export function formatMarkdown(report: Report): string {
  const [head = [], ...rows] = tableOf(report);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column < 2 ? '---' : '---:'));
  return [
    formatMachine(report.machine),
    '',
    line(head),
    line(rule),
    ...rows.map(line),
    '',
    formatNotes(report),
    '',
  ].join('\n');
}

export function formatJson(report: Report): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}

function tableOf({ targets, lines }: Report): readonly (readonly string[])[] {
  const [ours, ...others] = targets;
  const head = ['', 'unit', ...targets, ...others.map((name) => `${ours} against ${name}`)];
  const rows = lines.map((line) => [
    line.title,
    line.unit,
    ...targets.map((name) => formatFigure(line.figures.find(({ target }) => target === name))),
    ...others.map((name) => formatRatio(line.ratios.find(({ against }) => against === name))),
  ]);
  return [head, ...rows];
}

export function formatMachine(machine: Machine): string {
  const memory = `${(machine.memoryBytes / 1024 ** 3).toFixed(1)} GiB memory`;
  const { processor, cores, fileSystem, kernel, node, loadBefore } = machine;
  const load = `load before ${loadBefore.toFixed(1)}`;
  return `${processor}, ${cores} cores, ${memory}, ${fileSystem}, Linux ${kernel}, Node ${node}, ${load}`;
}

function formatNotes({ store, rounds, quick, problems, verified }: Report): string {
  const notes = [
    `Medians; rounds: ${rounds}. Ratios: above 1 Berth is better; in brackets the lowest and the highest of the rounds.`,
    `${verified} pulled blobs were hashed and are what their digests say.`,
  ];
  if (store === 's3') {
    notes.push(
      'Each in a bucket of its own on one Ceph gateway, without redirects; AWS SDK: no registry, the same bytes.',
    );
  }
  if (quick) notes.push('Taken with --quick: the figures mean little.');
  for (const { target, row, message } of problems)
    notes.push(`WRONG ANSWER in ${row} from ${target}: ${message}`);
  return notes.join('\n');
}

function formatFigure(figure: Spread | undefined): string {
  return figure === undefined ? '–' : formatNumber(figure.median);
}

export function formatRatio(ratio: Spread | undefined): string {
  if (ratio === undefined) return '–';
  return `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`;
}

/** Three significant digits, or all of the whole ones. */
export function formatNumber(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
