// The `auth` section: one way to log in, with what it needs.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadText, loadVariables, problemsOf } from './load-text.ts';

const schemeOf = (text: string) => loadText(text).configuration.auth.scheme;

describe('the auth section', () => {
  test('without it nobody is asked', () => {
    for (const text of ['', 'auth:', 'auth: {}', 'auth: none', 'auth: { none: }']) {
      assert.deepEqual(schemeOf(text), { name: 'none' });
    }
  });

  test('each scheme is chosen by its name, with the settings of the registry image', () => {
    assert.deepEqual(schemeOf('auth: { htpasswd: { realm: r, path: /p } }'), {
      name: 'htpasswd',
      realm: 'r',
      path: '/p',
    });
    assert.equal(schemeOf('auth: { silly: { realm: r, service: s } }').name, 'silly');
    assert.deepEqual(
      schemeOf('auth: { token: { realm: "https://t.example/token", service: s, issuer: i, jwks: /k } }'),
      {
        name: 'token',
        realm: 'https://t.example/token',
        service: 's',
        issuer: 'i',
        jwks: '/k',
        autoredirect: false,
        autoredirectpath: '/auth/token',
        signingalgorithms: [],
      },
    );
    assert.equal(schemeOf('auth: berth').name, 'berth');
    assert.equal(loadVariables({ REGISTRY_AUTH: 'berth' }).configuration.auth.scheme.name, 'berth');
    assert.deepEqual(
      loadVariables({ REGISTRY_AUTH_HTPASSWD_REALM: 'r', REGISTRY_AUTH_HTPASSWD_PATH: '/p' }).configuration
        .auth.scheme,
      { name: 'htpasswd', realm: 'r', path: '/p' },
    );
  });

  test('rules are read as they are written, a single word as a list', () => {
    const { policy } = loadText(
      'auth: { berth: , policy: { rules: [{ repositories: "a/**", for: everyone, actions: [pull, write] }] } }',
    ).configuration.auth;
    assert.deepEqual(policy, {
      rules: [{ repositories: ['a/**'], for: ['everyone'], actions: ['pull', 'write'] }],
    });
  });

  const CONTRADICTIONS: readonly (readonly [settings: string, problem: RegExp])[] = [
    ['auth: { htpasswd: { realm: r } }', /^auth\.htpasswd\.path .*is missing/],
    ['auth: { htpasswd: { path: /p }, berth: }', /^auth .*names htpasswd and berth; exactly one/],
    [
      'auth: { token: { realm: "https://t", service: s, issuer: i } }',
      /^auth\.token .*no token could be believed/,
    ],
    ['auth: { token: { service: s, issuer: i, jwks: /k } }', /^auth\.token\.realm .*where to get a token/],
    ['auth: { ldap: { url: x } }', /^auth\.ldap .*unknown key/],
    ['auth: { berth: { tokenlife: 10h } }', /^auth\.berth\.tokenlife .*from 1m to 1h/],
    ['auth: { silly: { realm: r, service: s }, policy: { path: /p } }', /^auth\.policy .*without effect/],
    ['auth: { berth: , policy: { path: /p, rules: [] } }', /^auth\.policy .*path and rules/],
    [
      'auth: { berth: { oidc: [{ name: a, issuer: "https://a", audience: [] }] } }',
      /^auth\.berth\.oidc .*without audience/,
    ],
    [
      'auth: { berth: { oidc: [{ name: a, issuer: "https://a", audience: x }, { name: a, issuer: "https://b", audience: x }] } }',
      /^auth\.berth\.oidc .*two issuers alike/,
    ],
  ];
  for (const [settings, problem] of CONTRADICTIONS) {
    test(`${settings} is one clear problem`, () => {
      const problems = problemsOf(settings);
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems.join(), problem);
    });
  }
});
