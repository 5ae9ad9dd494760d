// The tables of the other ways to log in, each with its own few kinds of credentials.
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import bcrypt from 'bcryptjs';
import { createLocalCoordination } from '../../src/sessions/coordination.ts';
import { createCheckedDriver } from '../../storage-drivers/checked.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { basic, ownClaims, PASSWORD, SERVICE, tokenFor } from './access.ts';
import { REPOSITORY, registryRows, type Stage, tokenRows } from './access-rows.ts';
import { type Columns, counter, formatRules, rowsFor, type Table } from './access-table.ts';
import { clientOf, type Http, openRegistry } from './app.ts';
import { makeIssuerKey, publicJwk, signToken } from './oidc-issuer.ts';
import { type Cleaner, privateDirectory } from './processes.ts';

export interface Mode<Name extends string> {
  readonly table: Table<Name>;
  /** A registry of this mode, and what to show to be each column. */
  open(cleaner: Cleaner): Promise<{
    readonly http: Http;
    readonly stage: Stage;
    readonly authorizations: { readonly [key in Name]: string | undefined };
  }>;
}

const { door, extensions, catalog, search, searchPing, root, deleteBlob, deleteManifest, deleteTag } =
  registryRows;
const { moveTag, moveTagByDigest, ...others } = registryRows;
const reads = [others.pullBlob, others.pullByTag, others.pullByDigest, others.tags, others.referrers];
const pulls = [...reads, others.repositoryExtensions];
const uploads = [others.beginUpload, others.uploadAtOnce, others.uploadStatus, others.appendUpload];
const pushes = [...uploads, others.finishUpload, others.cancelUpload, others.pushNewTag, others.pushByDigest];
const moves = [moveTag, moveTagByDigest];
const deletes = [deleteTag, deleteManifest, deleteBlob];
const forAll = [searchPing, root];
const known = [door, extensions];
const lists = [catalog, search];

const failedlogins = { peraddress: 100_000, peraccount: 100_000 };
/** As little as bcrypt can do. */
const COST = 4;

type Htpasswd = 'none' | 'wrong' | 'user';

export const htpasswd: Mode<Htpasswd> = {
  table: {
    title: 'A password file without rules (`auth: htpasswd`)',
    text: 'As in the `registry` image.',
    columns: {
      none: { title: 'nobody', about: 'no credentials', refused: 401 },
      wrong: { title: 'wrong password', about: 'a user with another password', refused: 401 },
      user: { title: 'user', about: 'a user of the file', refused: 403 },
    },
    expectations: [
      ...rowsFor<Htpasswd>(['user'], ...known, ...pulls, ...pushes, ...moves, ...deletes, ...lists),
      ...rowsFor<Htpasswd>(['none', 'wrong', 'user'], ...forAll),
    ],
  },
  async open(cleaner) {
    const path = await writePasswords(cleaner, ['owner']);
    const { http, port } = await openRegistry(cleaner, {
      settings: { auth: { htpasswd: { realm: 'Registry', path }, failedlogins } },
    });
    const user = basic('owner');
    const authorizations = { none: undefined, wrong: basic('owner', 'another one'), user };
    return { http, stage: stageFor(port, user), authorizations };
  },
};

type Ruled = 'none' | 'wrong' | 'reader' | 'owner' | 'readToken';

const RULES = [
  { repositories: ['team/**'], for: ['group:owners'], actions: ['all'] },
  { repositories: ['team/**'], for: ['authenticated'], actions: ['pull'] },
];
const GROUPS = { owners: ['owner'] };

export const htpasswdWithRules: Mode<Ruled> = {
  table: {
    title: 'A password file with rules (`auth: htpasswd` and `auth.policy`)',
    text: `With \`owner\` in the group \`owners\`, and these rules:\n\n${formatRules(RULES)}`,
    columns: {
      none: { title: 'nobody', about: 'no credentials', refused: 401 },
      wrong: { title: 'wrong password', about: 'a user with another password', refused: 401 },
      reader: { title: 'reader', about: 'a user of the file', refused: 403 },
      owner: { title: 'owner', about: 'a user of the file in the group', refused: 403 },
      readToken: { title: 'pull', about: 'a token to pull, of the owner', refused: 401 },
    },
    expectations: [
      ...rowsFor<Ruled>(['reader', 'owner', 'readToken'], ...known, ...pulls),
      ...rowsFor<Ruled>(['owner'], ...pushes, ...moves, ...deletes),
      ...rowsFor<Ruled>(['reader', 'owner'], ...lists),
      ...rowsFor<Ruled>(['none', 'wrong', 'reader', 'owner', 'readToken'], ...forAll, tokenRows.keys),
      ...rowsFor<Ruled>(['none', 'reader', 'owner'], tokenRows.token),
      { row: tokenRows.tokenByForm, allowed: ['reader', 'owner'], otherwise: { none: 400 } },
    ],
  },
  async open(cleaner) {
    const path = await writePasswords(cleaner, ['owner', 'reader']);
    const registry = await openRegistry(cleaner, {
      settings: {
        auth: { htpasswd: { path }, policy: { rules: RULES, groups: GROUPS }, failedlogins },
      },
    });
    const owner = basic('owner');
    const authorizations = {
      none: undefined,
      wrong: basic('owner', 'another one'),
      reader: basic('reader'),
      owner,
      readToken: await tokenFor(registry, owner, `repository:${REPOSITORY}:pull`),
    };
    return { http: registry.http, stage: stageFor(registry.port, owner), authorizations };
  },
};

type Outside = 'none' | 'password' | 'foreign' | 'login' | 'pull' | 'pullPush' | 'delete' | 'all' | 'catalog';
const OUTSIDE: readonly Outside[] = ['login', 'pull', 'pullPush', 'delete', 'all', 'catalog'];

export const outsideTokens: Mode<Outside> = {
  table: {
    title: 'Tokens of an outside server (`auth: token`)',
    text: 'As in the `registry` image: what a token says may be done, and nothing else.',
    columns: {
      none: { title: 'nobody', about: 'no credentials', refused: 401 },
      password: { title: 'password', about: 'a name and a password', refused: 401 },
      foreign: { title: 'foreign', about: 'a token for everything, signed by somebody else', refused: 401 },
      login: { title: 'login', about: 'a token without access', refused: 401 },
      pull: { title: 'pull', about: 'a token for `pull`', refused: 401 },
      pullPush: { title: 'pull+push', about: 'a token for `pull,push`', refused: 401 },
      delete: { title: 'delete', about: 'a token for `delete`', refused: 401 },
      all: { title: 'all', about: 'a token for `*`', refused: 401 },
      catalog: { title: 'lists', about: 'a token for the catalog', refused: 401 },
    },
    expectations: [
      ...rowsFor(OUTSIDE, ...known),
      ...rowsFor<Outside>(['pull', 'pullPush', 'all'], ...pulls),
      ...rowsFor<Outside>(['pullPush', 'all'], ...pushes, ...moves),
      ...rowsFor<Outside>(['delete', 'all'], ...deletes),
      ...rowsFor<Outside>(['catalog'], ...lists),
      ...rowsFor<Outside>(['none', 'password', 'foreign', ...OUTSIDE], ...forAll),
    ],
  },
  async open(cleaner) {
    const key = makeIssuerKey('ES256', 'outside');
    const directory = await privateDirectory('jwks', cleaner);
    const jwks = join(directory, 'jwks.json');
    await writeFile(jwks, JSON.stringify({ keys: [publicJwk(key)] }));
    const { http, port } = await openRegistry(cleaner, {
      settings: {
        auth: { token: { realm: 'https://auth.example/token', service: SERVICE, issuer: SERVICE, jwks } },
      },
    });
    const bearer = (access: readonly object[], by = key) =>
      `Bearer ${signToken(ownClaims('somebody', { access }), by)}`;
    const scope = (...actions: string[]) => [{ type: 'repository', name: REPOSITORY, actions }];
    const all = bearer(scope('*'));
    const authorizations = {
      none: undefined,
      password: basic('somebody'),
      foreign: bearer(scope('*'), makeIssuerKey('ES256', 'outside')),
      login: bearer([]),
      pull: bearer(scope('pull')),
      pullPush: bearer(scope('pull', 'push')),
      delete: bearer(scope('delete')),
      all,
      catalog: bearer([{ type: 'registry', name: 'catalog', actions: ['*'] }]),
    };
    return { http, stage: stageFor(port, all), authorizations };
  },
};

type Silly = 'none' | 'anything';

export const silly: Mode<Silly> = {
  table: {
    title: 'For trying clients out (`auth: silly`)',
    text: 'As in the `registry` image.',
    columns: {
      none: { title: 'nobody', about: 'no credentials', refused: 401 },
      anything: { title: 'anything', about: 'any header `Authorization`', refused: 403 },
    },
    expectations: [
      ...rowsFor<Silly>(['anything'], ...known, ...pulls, ...pushes, ...moves, ...deletes, ...lists),
      ...rowsFor<Silly>(['none', 'anything'], ...forAll),
    ],
  },
  async open(cleaner) {
    const { http, port } = await openRegistry(cleaner, {
      settings: { auth: { silly: { realm: 'silly', service: 'silly' } } },
    });
    const anything = 'Seriously, anything';
    return { http, stage: stageFor(port, anything), authorizations: { none: undefined, anything } };
  },
};

type Nobody = 'none' | 'password';

const OPEN_RULES = [{ repositories: ['team/**'], for: ['everyone'], actions: ['pull', 'push'] }];

export const rulesAlone: Mode<Nobody> = {
  table: {
    title: 'Rules without accounts (`auth: none` and `auth.policy`)',
    text: `Everybody is a stranger, and nobody can log in. With these rules:\n\n${formatRules(OPEN_RULES)}`,
    columns: {
      none: { title: 'nobody', about: 'no credentials', refused: 403 },
      password: { title: 'password', about: 'a name and a password, which prove nothing', refused: 403 },
    },
    expectations: [
      ...rowsFor<Nobody>(['none'], ...known, ...pulls, ...pushes, ...lists),
      ...rowsFor<Nobody>([], ...moves, ...deletes),
      ...rowsFor<Nobody>(['none', 'password'], ...forAll),
    ],
  },
  async open(cleaner) {
    const driver = createMemoryDriver();
    const shared = { driver, coordination: createLocalCoordination(createCheckedDriver(driver)) };
    const settings = { auth: { none: {}, policy: { rules: OPEN_RULES } } };
    const { http } = await openRegistry(cleaner, { ...shared, settings });
    // What nobody may do there has to be done beside it.
    const { port } = await openRegistry(cleaner, shared);
    return {
      http,
      stage: stageFor(port, 'Basic Og=='),
      authorizations: { none: undefined, password: basic('somebody') },
    };
  },
};

/** The columns with what each shows. */
export function columnsOf<Name extends string>(
  { columns }: Table<Name>,
  authorizations: { readonly [key in Name]: string | undefined },
): Columns<Name> {
  const names = Object.keys(columns) as Name[];
  const filled = names.map((name) => {
    const authorization = authorizations[name];
    return [name, { ...columns[name], ...(authorization !== undefined && { authorization }) }] as const;
  });
  return Object.fromEntries(filled) as Columns<Name>;
}

function stageFor(port: number, authorization: string): Stage {
  return {
    http: clientOf(`http://127.0.0.1:${port}`).set('Authorization', authorization),
    fresh: counter(),
  };
}

async function writePasswords(cleaner: Cleaner, names: readonly string[]): Promise<string> {
  const directory = await privateDirectory('passwords', cleaner);
  const path = join(directory, `${randomUUID()}.htpasswd`);
  const hash = await bcrypt.hash(PASSWORD, COST);
  await writeFile(path, names.map((name) => `${name}:${hash}\n`).join(''));
  return path;
}
