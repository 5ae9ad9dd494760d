import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { createFederation } from '../../../src/auth/oidc/federation.ts';
import { createIssuer } from '../../../src/auth/oidc/issuer.ts';
import {
  githubClaims,
  gitlabClaims,
  kubernetesClaims,
  makeIssuerKey,
  startOidcIssuer,
} from '../../support/oidc-issuer.ts';
import { AUDIENCE, CLAIMS, settingsOf, startFederation, tamper } from './federations.ts';

test('a job of GitHub Actions is known by its subject, with everything that GitHub says of it', async (t) => {
  const { federation, issuer } = await startFederation(t);
  const claims = githubClaims('acme/app', 'refs/heads/main', AUDIENCE);
  const caller = await federation.recognize(issuer.token(claims));
  assert.equal(caller?.kind, 'federated');
  assert.equal(caller.issuer, 'ci');
  assert.equal(caller.name, 'repo:acme/app:ref:refs/heads/main');
  assert.deepEqual(caller.groups, []);
  assert.equal(caller.claims?.['repository_owner'], 'acme');
  assert.equal(caller.claims?.['ref'], 'refs/heads/main');
  assert.equal(caller.isAdministrator, undefined);
});

test('a job of GitLab CI is known by the claim that the configuration names, with its groups', async (t) => {
  const { federation, issuer } = await startFederation(t, {
    usernameClaim: 'project_path',
    groupsClaim: 'groups_direct',
  });
  const caller = await federation.recognize(issuer.token(gitlabClaims('acme/backend/app', 'main', AUDIENCE)));
  assert.equal(caller?.name, 'acme/backend/app');
  assert.deepEqual(caller.groups, ['acme', 'acme/backend']);
});

test('a Kubernetes service account is known, its audience being a list', async (t) => {
  const { federation, issuer } = await startFederation(t);
  const token = issuer.token(kubernetesClaims('builds', 'publisher', AUDIENCE), {
    header: { typ: undefined },
  });
  const caller = await federation.recognize(token);
  assert.equal(caller?.name, 'system:serviceaccount:builds:publisher');
  assert.deepEqual(caller.groups, []);
});

for (const algorithm of ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] as const) {
  test(`${algorithm} is verified by a key of its type`, async (t) => {
    const { federation, issuer } = await startFederation(t);
    issuer.keys = [makeIssuerKey(algorithm, 'key')];
    assert.ok(await federation.recognize(issuer.token(CLAIMS)));
    assert.equal(await federation.recognize(tamper(issuer.token(CLAIMS))), undefined);
  });
}

test('a token may be used again, since a pull asks many times', async (t) => {
  const { federation, issuer } = await startFederation(t);
  const token = issuer.token(CLAIMS);
  assert.ok(await federation.recognize(token));
  assert.ok(await federation.recognize(token));
  assert.equal(issuer.requests.length, 2);
});

test('claims without end are refused', async (t) => {
  const { federation, issuer } = await startFederation(t);
  const deep = (levels: number): unknown => (levels === 0 ? 1 : { in: deep(levels - 1) });
  assert.ok(await federation.recognize(issuer.token({ ...CLAIMS, deep: deep(7) })));
  assert.equal(await federation.recognize(issuer.token({ ...CLAIMS, deep: deep(8) })), undefined);
  assert.equal(await federation.recognize(issuer.token({ ...CLAIMS, wide: Array(1000).fill(0) })), undefined);
});

test('a name has to be a printable text of at most 255 characters', async (t) => {
  const { federation, issuer } = await startFederation(t);
  for (const sub of [undefined, '', ' ', 1, ['job'], 'a\nb', 'a\u0000', '\u202eadmin', 'x'.repeat(256)]) {
    assert.equal(
      await federation.recognize(issuer.token({ ...CLAIMS, sub })),
      undefined,
      JSON.stringify(sub),
    );
  }
  const caller = await federation.recognize(
    issuer.token({ ...CLAIMS, sub: 'repo:a/b:environment:Production EU' }),
  );
  assert.equal(caller?.name, 'repo:a/b:environment:Production EU');
});

test('what cannot be a group is left out, and a single group may stand alone', async (t) => {
  const { federation, issuer } = await startFederation(t, { groupsClaim: 'groups' });
  const groupsOf = async (groups: unknown) =>
    (await federation.recognize(issuer.token({ ...CLAIMS, groups })))?.groups;
  assert.deepEqual(await groupsOf(['a', 1, 'a', '', 'b', null, ['c']]), ['a', 'b']);
  assert.deepEqual(await groupsOf('a'), ['a']);
  assert.deepEqual(await groupsOf(undefined), []);
  assert.deepEqual(await groupsOf({ a: true }), []);
});

test('claims may be required, with one text or one of several', async (t) => {
  const { federation, issuer } = await startFederation(t, {
    requiredClaims: {
      repository_owner: 'acme',
      ref: ['refs/heads/main', 'refs/heads/next'],
      protected: 'true',
    },
  });
  const good = { ...CLAIMS, repository_owner: 'acme', ref: 'refs/heads/next', protected: true };
  assert.ok(await federation.recognize(issuer.token(good)));
  for (const change of [
    { repository_owner: 'acme-evil' },
    { repository_owner: undefined },
    { repository_owner: ['acme'] },
    { ref: 'refs/heads/feature' },
    { protected: false },
  ]) {
    assert.equal(await federation.recognize(issuer.token({ ...good, ...change })), undefined);
  }
});

test('claims that are named like parts of JavaScript are claims and nothing else', async (t) => {
  const { federation, issuer } = await startFederation(t, { usernameClaim: 'constructor' });
  assert.equal(await federation.recognize(issuer.token(CLAIMS)), undefined);
  const polluting = JSON.parse('{"__proto__":{"isAdministrator":true},"constructor":"job"}');
  const caller = await federation.recognize(issuer.token({ ...CLAIMS, ...polluting }));
  assert.equal(caller?.name, 'job');
  assert.equal(caller.isAdministrator, undefined);
});

test('no token, nor a part of one, gets into the log', async (t) => {
  const lines: string[] = [];
  const issuer = await startOidcIssuer(t);
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  const federation = createFederation([await createIssuer(settingsOf(issuer), { log })]);
  const tokens = [
    issuer.token({ ...CLAIMS, aud: 'other' }),
    tamper(issuer.token(CLAIMS)),
    issuer.token({ ...CLAIMS, sub: 1 }),
    issuer.token(CLAIMS, { header: { kid: 'unknown' } }),
  ];
  for (const token of tokens) assert.equal(await federation.recognize(token), undefined);
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).fault),
    ['audience', 'signature', 'claims', 'unknownKey'],
  );
  const text = lines.join('');
  for (const part of tokens.flatMap((token) => token.split('.'))) assert.ok(!text.includes(part));
});
