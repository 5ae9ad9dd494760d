// Tables of endpoints and credentials: what each cell has to be, what it is, and how it reads in docs/access.md.
import assert from 'node:assert/strict';
import type { Row, Stage, Trial } from './access-rows.ts';
import { assertRefused } from './answers.ts';
import type { Http } from './app.ts';

export interface Column {
  readonly title: string;
  /** Who comes, for the page. */
  readonly about: string;
  readonly authorization?: string;
  /** Where not even the connection is like that of others. */
  readonly http?: Http;
  /** 401 where other credentials could help. */
  readonly refused: 401 | 403;
}

export type Columns<Name extends string> = { readonly [key in Name]: Column };

export interface Expectation<Name extends string> {
  readonly row: Row;
  /** For whom the endpoint does what it is for. */
  readonly allowed: readonly Name[];
  /** Other answers than the refusal of the column. */
  readonly otherwise?: { readonly [key in Name]?: number };
}

/** The same for several rows. */
export function rowsFor<Name extends string>(
  allowed: readonly Name[],
  ...rows: readonly Row[]
): Expectation<Name>[] {
  return rows.map((row) => ({ row, allowed }));
}

/** Another text each time. */
export function counter(): () => string {
  let count = 0;
  return () => {
    count += 1;
    return String(count);
  };
}

/** Holds one row to be what it should be, in every cell. */
export async function checkRow<Name extends string>(
  http: Http,
  stage: Stage,
  columns: Columns<Name>,
  { row, allowed, otherwise = {} }: Expectation<Name>,
): Promise<void> {
  const expected: Record<string, number> = {};
  const actual: Record<string, number> = {};
  let trial = await row.prepare(stage);
  for (const key of namesOf(columns)) {
    const column = columns[key];
    const others: { readonly [key in Name]?: number } = otherwise;
    expected[key] = allowed.includes(key) ? row.success : (others[key] ?? column.refused);
    actual[key] = await statusOf(http, trial, column);
    if (actual[key] === row.success && trial.method !== 'get') trial = await row.prepare(stage);
  }
  assert.deepEqual(actual, expected);
}

/** The status of the answer, which is held to be a whole refusal where it is one. */
async function statusOf(http: Http, trial: Trial, column: Column): Promise<number> {
  const answer = await sent(column.http ?? http, trial, trial.method, column);
  const { status, headers } = answer;
  if (status === 401) assertRefused(answer, 401, 'UNAUTHORIZED');
  if (status === 403) assertRefused(answer, 403, 'DENIED');
  assert.equal(headers['www-authenticate'] !== undefined, status === 401, 'a challenge, and only with 401');
  if (trial.method === 'get') {
    const head = await sent(column.http ?? http, trial, 'head', column);
    assert.deepEqual(
      [head.status, head.headers['www-authenticate']],
      [status, headers['www-authenticate']],
      'HEAD answers like GET',
    );
  }
  return status;
}

function sent(http: Http, trial: Trial, method: Trial['method'] | 'head', { authorization }: Column) {
  const { path, type, body } = trial;
  const request = http[method](path);
  if (authorization !== undefined) request.set('Authorization', authorization);
  if (type !== undefined) request.set('Content-Type', type);
  return body === undefined ? request : request.send(typeof body === 'function' ? body(authorization) : body);
}

export interface Table<Name extends string> {
  readonly title: string;
  readonly text: string;
  readonly columns: Columns<Name>;
  readonly expectations: readonly Expectation<Name>[];
}

/** Markdown: a cell has the word "yes" where it is allowed, else the status of the refusal. */
export function formatTable<Name extends string>(table: Table<Name>): string {
  const { title, text, columns, expectations } = table;
  const names = namesOf(columns);
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    `## ${title}`,
    '',
    text,
    '',
    ...names.map((name) => `- **${columns[name].title}**: ${columns[name].about}`),
    '',
    line(['Endpoint', ...names.map((name) => columns[name].title)]),
    line(['---', ...names.map(() => '---')]),
    ...expectations.map(({ row, allowed, otherwise = {} }) => {
      const others: { readonly [key in Name]?: number } = otherwise;
      const cells = names.map((name) =>
        allowed.includes(name) ? '**yes**' : String(others[name] ?? columns[name].refused),
      );
      return line([`\`${row.route}\`${row.what === undefined ? '' : `, ${row.what}`}`, ...cells]);
    }),
    '',
  ].join('\n');
}

/** Rules as a configuration has them. */
export function formatRules(rules: readonly object[]): string {
  return `\`\`\`yaml\nrules:\n${rules.map((rule) => `  - ${JSON.stringify(rule)}`).join('\n')}\n\`\`\``;
}

function namesOf<Name extends string>(columns: Columns<Name>): Name[] {
  return Object.keys(columns) as Name[];
}
