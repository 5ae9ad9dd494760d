// Every endpoint with credentials of every kind: exactly the cells of the tables succeed, and docs/access.md has the same
// tables. BERTH_WRITE_DOCS=1 writes that page.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { Guard } from '../../src/http/guard.ts';
import type { AdminHandlers } from '../../src/http/handlers/admin/handlers.ts';
import { addAdminRoutes } from '../../src/http/handlers/admin/routes.ts';
import { createRoutes, type Handlers } from '../../src/http/routes.ts';
import { accountsTable, openAccountsStage } from '../support/access-accounts.ts';
import {
  columnsOf,
  htpasswd,
  htpasswdWithRules,
  type Mode,
  outsideTokens,
  rulesAlone,
  silly,
} from '../support/access-modes.ts';
import { adminRows, registryRows, tokenRows } from '../support/access-rows.ts';
import { checkRow, counter, type Expectation, formatTable } from '../support/access-table.ts';
import { openRegistry } from '../support/app.ts';

const page = join(import.meta.dirname, '../../docs/access.md');

const title = ({ row: { route, what } }: Expectation<never> | Expectation<string>) =>
  `${route}${what === undefined ? '' : ` (${what})`} is for exactly those of the table`;

/** `METHOD path` of every row of the URL table. */
function allRoutes(): readonly string[] {
  const step = async () => undefined;
  const anything: unknown = new Proxy({}, { get: () => step });
  const admin: Handlers['admin'] = {
    addTo: (router, guard) => addAdminRoutes(router, anything as AdminHandlers, guard),
  };
  const handlers: unknown = new Proxy({}, { get: (_, noun) => (noun === 'admin' ? admin : anything) });
  const guard: unknown = new Proxy({}, { get: (_, name) => (name === 'may' ? () => step : step) });
  const routes = createRoutes(handlers as Handlers, {
    guard: guard as Guard,
    kept: { keep: step, keepGets: step },
    prefix: '',
  });
  return routes
    .rows()
    .flatMap(({ methods, path }) =>
      methods.filter((method) => method !== 'HEAD').map((method) => `${method} ${String(path)}`),
    );
}

test('every route of the registry has a row in the table, and every row is a route', () => {
  const rows = accountsTable.expectations.map(({ row }) => row.route);
  assert.deepEqual([...new Set(rows)].sort(), [...new Set(allRoutes())].sort());
  const described = [
    ...Object.values(registryRows),
    ...Object.values(tokenRows),
    ...Object.values(adminRows),
  ];
  const missing = described.filter((row) => !accountsTable.expectations.some((one) => one.row === row));
  assert.deepEqual(missing, []);
});

describe('with accounts kept by the registry', async () => {
  const { http, stage, columns } = await openAccountsStage({ after });
  for (const expectation of accountsTable.expectations) {
    test(title(expectation), () => checkRow(http, stage, columns, expectation));
  }
});

/** The rows of one mode; those that need accounts or tokens of the registry's own are no routes there. */
function checkMode<Name extends string>(name: string, { table, open }: Mode<Name>): void {
  describe(name, async () => {
    const { http, stage, authorizations } = await open({ after });
    const columns = columnsOf(table, authorizations);
    for (const expectation of table.expectations) {
      test(title(expectation), () => checkRow(http, stage, columns, expectation));
    }

    test('every row of the registry is in the table, and no other row is an endpoint', async () => {
      const rows = new Set(table.expectations.map(({ row }) => row));
      const missing = Object.values(registryRows).filter((row) => !rows.has(row));
      assert.deepEqual(missing, []);
      for (const row of [...Object.values(tokenRows), ...Object.values(adminRows)]) {
        if (rows.has(row)) continue;
        const { method, path } = await row.prepare(stage);
        await http[method](path).expect(404);
      }
    });
  });
}

checkMode('with a password file', htpasswd);
checkMode('with a password file and rules', htpasswdWithRules);
checkMode('with tokens of an outside server', outsideTokens);
checkMode('with silly tokens', silly);
checkMode('with rules and without accounts', rulesAlone);

test('without an auth section everybody may do everything, as ever, and shown credentials change nothing', async (t) => {
  const { http } = await openRegistry(t);
  const stage = { http, fresh: counter() };
  const everybody = {
    none: { title: '', about: '', refused: 401 },
    password: { title: '', about: '', refused: 401, authorization: 'Basic YTpi' },
    token: { title: '', about: '', refused: 401, authorization: 'Bearer x' },
  } as const;
  for (const row of Object.values(registryRows)) {
    await checkRow(http, stage, everybody, { row, allowed: ['none', 'password', 'token'] });
  }
});

test('docs/access.md has these tables', async () => {
  const text = [
    '# Who may do what, cell by cell',
    '',
    'Made by `test/http/access-matrix.test.ts`, which tries every cell against the registry and fails where this page says',
    'something else: `BERTH_WRITE_DOCS=1 node --test test/http/access-matrix.test.ts` writes it.',
    '',
    'A cell says **yes** where the endpoint does what it is for. Elsewhere it has the status of the refusal: 401 where other',
    'credentials could help, with a challenge that names what is needed; 403 where they could not. `GET` rows hold for `HEAD` too.',
    '',
    formatTable(accountsTable),
    formatTable(htpasswd.table),
    formatTable(htpasswdWithRules.table),
    formatTable(outsideTokens.table),
    formatTable(silly.table),
    formatTable(rulesAlone.table),
  ].join('\n');
  if (process.env['BERTH_WRITE_DOCS'] === '1') await writeFile(page, text);
  assert.equal(await readFile(page, 'utf8'), text);
});
