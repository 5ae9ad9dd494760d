// The table of a registry with accounts of its own (`auth: berth`): every endpoint, and credentials of every kind.

import { pino } from 'pino';
import { startHttpServer } from '../../src/http/server.ts';
import { openTlsEndpoint } from '../../src/http/tls/tls-endpoint.ts';
import { basic, openWithAccounts, ownClaims, PASSWORD, signedByRegistry, tokenFor } from './access.ts';
import { adminRows, REPOSITORY, registryRows, type Stage, tokenRows } from './access-rows.ts';
import {
  type Column,
  type Columns,
  counter,
  type Expectation,
  formatRules,
  rowsFor,
  type Table,
} from './access-table.ts';
import { clientOf, type Http } from './app.ts';
import { makeCertificates } from './certificates.ts';
import { githubClaims, startOidcIssuer } from './oidc-issuer.ts';
import type { Cleaner } from './processes.ts';
import { makeClientCertificate } from './tls.ts';

const TOKENS = ['elsewhere', 'pull', 'push', 'pullPush', 'delete', 'catalog'] as const;
const PEOPLE = ['creator', 'owner', 'administrator'] as const;
const LOGINS = [...PEOPLE, 'robot', 'federated', 'certificate'] as const;
const NOTHING = ['none', 'wrong', 'expired'] as const;
const NAMES = [...NOTHING, ...TOKENS, ...LOGINS] as const;
type Name = (typeof NAMES)[number];

const KNOWN: readonly Name[] = [...TOKENS, ...LOGINS];
const READERS: readonly Name[] = ['pull', 'pullPush', ...LOGINS];
const MOVERS: readonly Name[] = ['push', 'pullPush', 'owner', 'administrator', 'robot', 'federated'];
const PUSHERS: readonly Name[] = [...MOVERS, 'creator'];
const REMOVERS: readonly Name[] = ['delete', 'owner', 'administrator'];
const LISTERS: readonly Name[] = ['catalog', ...LOGINS];
const ADMINISTRATOR: readonly Name[] = ['administrator'];

const { door, catalog, search, extensions, searchPing, root } = registryRows;
const { describeApi, whoAmI, changeOwnPassword, endToken, ...administration } = adminRows;

const expectations: readonly Expectation<Name>[] = [
  // Clients with a certificate are asked for a login all the same: they have one, or get a token with the certificate.
  ...rowsFor(
    KNOWN.filter((name) => name !== 'certificate'),
    door,
    extensions,
  ),
  ...rowsFor(READERS, registryRows.pullBlob, registryRows.pullByTag, registryRows.pullByDigest),
  ...rowsFor(READERS, registryRows.tags, registryRows.referrers, registryRows.repositoryExtensions),
  ...rowsFor(PUSHERS, registryRows.beginUpload, registryRows.uploadAtOnce, registryRows.uploadStatus),
  ...rowsFor(PUSHERS, registryRows.appendUpload, registryRows.finishUpload, registryRows.cancelUpload),
  ...rowsFor(PUSHERS, registryRows.pushNewTag, registryRows.pushByDigest),
  // Only the handler knows whether a tag is there, so a token that lacks the right to move it is not asked to be changed.
  ...rowsFor(MOVERS, registryRows.moveTag, registryRows.moveTagByDigest),
  ...rowsFor(REMOVERS, registryRows.deleteTag, registryRows.deleteManifest, registryRows.deleteBlob),
  ...rowsFor(LISTERS, catalog, search),
  ...rowsFor(NAMES, searchPing, root),
  ...rowsFor(['none', ...LOGINS], tokenRows.token),
  {
    row: tokenRows.tokenByForm,
    allowed: [...PEOPLE, 'robot', 'federated'],
    // There is nothing in the form then.
    otherwise: { none: 400, certificate: 400 },
  },
  ...rowsFor(NAMES, tokenRows.keys),
  ...rowsFor(['none', ...KNOWN], describeApi),
  ...rowsFor(KNOWN, whoAmI, endToken),
  { row: changeOwnPassword, allowed: PEOPLE, otherwise: { certificate: 403 } },
  ...rowsFor(ADMINISTRATOR, ...Object.values(administration)),
];

/** Who is meant by each column; `refused` is what they get where they may not. */
const columns: Columns<Name> = {
  none: { title: 'nobody', about: 'no credentials', refused: 401 },
  wrong: { title: 'wrong secret', about: 'an account that there is, with another secret', refused: 401 },
  expired: { title: 'expired', about: 'a token for everything that ended', refused: 401 },
  elsewhere: { title: 'elsewhere', about: 'a token for everything in another repository', refused: 401 },
  pull: { title: 'pull', about: 'a token to pull', refused: 401 },
  push: { title: 'push', about: 'a token to push', refused: 401 },
  pullPush: { title: 'pull+push', about: 'a token to pull and push, as clients ask for it', refused: 401 },
  delete: { title: 'delete', about: 'a token to delete', refused: 401 },
  catalog: { title: 'lists', about: 'a token for the catalog', refused: 401 },
  creator: { title: 'creator', about: 'a user who may pull and push, but not overwrite', refused: 403 },
  owner: { title: 'owner', about: 'a user who may do everything in the repository', refused: 403 },
  administrator: { title: 'administrator', about: 'a user who administers the registry', refused: 403 },
  robot: {
    title: 'robot',
    about: 'a robot limited to pull, push and overwrite, whom the rules allow everything',
    refused: 403,
  },
  federated: {
    title: 'CI job',
    about: 'a token of an outside issuer as the password, whose claims a rule lets pull and write',
    refused: 403,
  },
  certificate: { title: 'certificate', about: 'a client certificate that may pull', refused: 401 },
};

const RULES = [
  { repositories: ['team/**'], for: ['user:owner', 'robot:ci'], actions: ['all'] },
  { repositories: ['team/**'], for: ['user:creator'], actions: ['pull', 'push'] },
  {
    repositories: ['team/**'],
    for: ['oidc:ci'],
    actions: ['pull', 'write'],
    when: 'repository_owner == acme',
  },
  { repositories: ['team/**'], for: ['certificate:node'], actions: ['pull'] },
];

export const accountsTable: Table<Name> = {
  title: 'Accounts kept by the registry (`auth: berth`)',
  text: `Asked about \`${REPOSITORY}\`, under these rules:\n\n${formatRules(RULES)}`,
  columns,
  expectations,
};

/** A registry in which there is everybody of the table. */
export async function openAccountsStage(cleaner: Cleaner) {
  const issuer = await startOidcIssuer(cleaner);
  const registry = await openWithAccounts(cleaner, {
    users: ['owner', 'creator', 'victim'],
    berth: {
      oidc: [{ name: 'ci', issuer: issuer.issuer, audience: ['registry'], allowprivate: true }],
    },
    settings: { auth: { failedlogins: { peraddress: 100_000, peraccount: 100_000 } } },
    policy: { rules: RULES },
  });
  const { accounts } = registry;
  await accounts.users.add({ name: 'root', password: PASSWORD, isAdministrator: true });
  await accounts.groups.add('crew');
  const limits = [{ repositories: REPOSITORY, actions: ['pull', 'push', 'overwrite'] as const }];
  const { secret } = await accounts.robots.add({ name: 'ci', limits });
  await accounts.robots.add({ name: 'other', limits });
  const owner = basic('owner');
  const token = (actions: string, repository = REPOSITORY) =>
    tokenFor(registry, owner, `repository:${repository}:${actions}`);
  const past = Math.floor(Date.now() / 1000) - 3600;
  const ended = ownClaims('owner', { iat: past, nbf: past, exp: past + 300 });
  const job = issuer.token(githubClaims('acme/app', 'refs/heads/main', 'registry'));
  const shown: { readonly [key in Exclude<Name, 'none' | 'certificate'>]: string } = {
    wrong: basic('robot+ci', 'another secret'),
    expired: `Bearer ${await signedByRegistry(registry, ended)}`,
    elsewhere: await token('pull,push,delete', 'team/other'),
    pull: await token('pull'),
    push: await token('push'),
    pullPush: await token('pull,push'),
    delete: await token('delete'),
    catalog: await tokenFor(registry, owner, 'registry:catalog:*'),
    creator: basic('creator'),
    owner,
    administrator: basic('root'),
    robot: basic('robot+ci', secret),
    federated: basic('oidc', job),
  };
  const withCredentials = (name: Name): Column => ({
    ...columns[name],
    ...(name !== 'none' && name !== 'certificate' && { authorization: shown[name] }),
  });
  const callers = Object.fromEntries(NAMES.map((name) => [name, withCredentials(name)])) as Columns<Name>;
  const certificate = { ...columns.certificate, http: await openForCertificates(cleaner, registry.listener) };
  const stage: Stage = {
    http: clientOf(`http://127.0.0.1:${registry.port}`).set('Authorization', owner),
    accounts,
    fresh: counter(),
  };
  return { http: registry.http, stage, columns: { ...callers, certificate } };
}

/** The same registry behind TLS, asked by a client whose certificate names it `node`. */
async function openForCertificates(
  cleaner: Cleaner,
  listener: Parameters<typeof startHttpServer>[0],
): Promise<Http> {
  const certificates = await makeCertificates(cleaner);
  const { certificate, key, ca } = certificates.files;
  const clientauth = 'verify-client-cert-if-given';
  const tls = await openTlsEndpoint(
    { certificate, key, clientcas: [ca], clientauth, minimumtls: 'tls1.2', ciphers: 'HIGH' },
    { log: pino({ level: 'silent' }) },
  );
  const server = await startHttpServer(listener, { host: '127.0.0.1', port: 0 }, { tls, http2: false });
  cleaner.after(async () => void (await server.close(0)));
  const own = await makeClientCertificate(certificates, { subject: '/CN=node' });
  return clientOf(`https://127.0.0.1:${server.port}`, { ca: certificates.ca, ...own });
}
