// What is wrong with rules is said at once, all of it, with its place and without quoting a value.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PolicyError, parsePolicy } from '../../../src/auth/policy/policy.ts';
import { policyOf, problemsOf } from './callers.ts';

test('every problem is named with its place', () => {
  const problems = problemsOf(`
rule: []
rules:
  - { repositories: Acme/*, for: [users, 'user:'], actions: [pul, push], efect: deny }
  - { repositories: [], for: 'user:al*', actions: [], effect: maybe }
  - nonsense
  - { repositories: a, for: 'oidc:github', actions: pull, when: 'ref = main' }
  - { for: everyone }
immutabletags:
  - { repositories: '\${user}/x', tags: 'v[' }
groups: [alice]
`);
  assert.deepEqual(problems, [
    'rule: unknown key; did you mean rules?',
    'groups: must be a map',
    'rules[0].efect: unknown key; did you mean effect?',
    'rules[0].actions[0]: must be one of pull, push, overwrite, delete, admin, write, all; did you mean pull?',
    'rules[0].for[0]: must be one of everyone, anonymous, authenticated, user:<name>, group:<name>, robot:<name>, oidc:<name>, certificate:<name>',
    'rules[0].for[1]: must have a name of 1 to 255 characters right after the colon',
    'rules[0].repositories: has capital letters, which no repository name has',
    'rules[1].effect: must be allow or deny',
    'rules[1].actions: must not be empty',
    'rules[1].for: must be a name in full; name several in a list, or a group',
    'rules[1].repositories: must not be empty',
    'rules[2]: must be a map',
    'rules[3].when: at character 5: = is no comparison; write ==',
    'rules[4].actions: must be given',
    'rules[4].repositories: must be given',
    `immutabletags[0].repositories: must mean the same for everybody: no ${'$'}{user} here`,
    'immutabletags[0].tags: has a [ without its ]',
  ]);
});

test('a group or issuer that does not exist is a contradiction, with the nearest one that does', () => {
  const text = `
groups: { release: alice }
rules:
  - { repositories: a, for: ['group:developer', 'group:release', 'group:developers'], actions: pull }
  - { repositories: a, for: 'oidc:githab', actions: pull, when: always }
`;
  const known = { knownGroups: new Set(['developers']), knownIssuers: new Set(['github']) };
  assert.deepEqual(problemsOf(text, known), [
    'rules[0].for[0]: names a group that does not exist; did you mean group:developers?',
    'rules[1].for: names an OIDC issuer that does not exist; did you mean oidc:github?',
  ]);
  policyOf(text);
});

test('a rule that allows something to an issuer needs a condition, one that denies does not', () => {
  assert.deepEqual(problemsOf(`rules: [{ repositories: a, for: 'oidc:x', actions: pull }]`), [
    'rules[0].when: must be given for oidc:; `always` means every token of the issuer',
  ]);
  policyOf(`rules: [{ repositories: a, for: 'oidc:x', actions: pull, effect: deny }]`);
});

test('a condition is possible only for callers who have claims', () => {
  const rule = `{ repositories: a, for: ['oidc:x', everyone], actions: pull, when: a == b }`;
  assert.deepEqual(problemsOf(`rules: [${rule}]`), [
    'rules[0].when: is possible only where all of `for` is oidc: or certificate:, who have claims',
  ]);
});

test('an empty setting is a mistake, not a setting that was not given', () => {
  const problems = problemsOf(`
rules:
  - repositories: a
    for: certificate:x
    actions: pull
    when:
    effect:
immutabletags:
`);
  assert.deepEqual(problems, [
    'rules[0].effect: must be allow or deny',
    'rules[0].when: must be a text',
    'immutabletags: must be a list',
  ]);
});

test('rules have to be given where nothing else says what holds', () => {
  for (const text of ['{}', 'immutabletags: []']) {
    assert.deepEqual(problemsOf(text), ['rules: must be given; [] allows nothing to anybody']);
  }
});

test('whatever is no map of rules is refused', () => {
  for (const value of [
    undefined,
    null,
    '',
    'rules',
    7,
    true,
    [],
    [{ rules: [] }],
    { rules: {} },
    { rules: 'x' },
  ]) {
    assert.ok(parsePolicy(value) instanceof PolicyError, JSON.stringify(value));
  }
});

test('keys that mean something to the language are unknown keys', () => {
  const value: unknown = JSON.parse('{ "rules": [], "__proto__": { "rules": [] }, "constructor": 1 }');
  const error = parsePolicy(value);
  assert.ok(error instanceof PolicyError);
  assert.deepEqual(
    error.problems.map(({ path }) => path),
    ['__proto__', 'constructor'],
  );
});

test('no problem quotes a value, nor a key that may have been one', () => {
  const secret = 's3cr3t value';
  const error = parsePolicy({
    [`password:${secret}`]: secret,
    rules: [
      {
        repositories: secret,
        for: secret,
        actions: secret,
        effect: secret,
        when: secret,
        [`when:${secret}`]: 1,
      },
      secret,
    ],
    immutabletags: [{ repositories: secret, tags: secret, except: [secret] }],
    groups: secret,
  });
  assert.ok(error instanceof PolicyError);
  assert.ok(error.problems.length >= 10, `${error.problems.length} problems`);
  assert.doesNotMatch(error.message, /s3cr3t/);
});
