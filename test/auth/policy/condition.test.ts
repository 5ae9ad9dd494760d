// Conditions over claims.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer, Claims } from '../../../src/auth/policy/condition.ts';
import { parseCondition } from '../../../src/auth/policy/condition-parser.ts';

const claims: Claims = {
  repository: 'acme/app',
  repository_owner: 'acme',
  ref: 'refs/heads/main',
  'odd name': 'x',
  stage: 'my stage',
  run: 7,
  verified: true,
  nothing: null,
  groups: ['dev', 'release', 3],
  'kubernetes.io': { namespace: 'prod', serviceaccount: { name: 'builder' } },
  twice: { 'a.b': '1', a: { b: '2' } },
};

function answer(text: string): Answer {
  const condition = parseCondition(text);
  assert.ok(condition.ok, condition.ok ? '' : `${text}: ${condition.problem}`);
  return condition.value(claims);
}

const table: Readonly<Record<Answer, readonly string[]>> = {
  true: [
    'always',
    'repository_owner == acme',
    'repository_owner==acme and ref==refs/heads/main',
    "repository_owner == 'acme'",
    'repository_owner == "acme"',
    'ref != refs/heads/dev',
    'ref matches refs/heads/*',
    'repository matches acme/**',
    'repository_owner in [other, acme]',
    'stage in ["my stage"]',
    '"odd name" == x',
    'run == 7',
    'verified == true',
    'groups contains release',
    'groups contains 3',
    'not groups contains admin',
    'kubernetes.io.namespace == prod',
    'kubernetes.io.serviceaccount.name == builder',
    'repository_owner == evil or ref == refs/heads/main',
    'repository_owner == acme or repository_owner == evil and ref == refs/heads/dev',
    'not (repository_owner == evil or ref == refs/heads/dev)',
    'not not repository_owner == acme',
    'repository_owner == acme or missing == x',
  ],
  false: [
    'repository_owner == Acme',
    'repository_owner == acme2',
    'repository_owner == ""',
    'ref == main',
    'not repository_owner == acme',
    'repository_owner != acme',
    '(repository_owner == acme or repository_owner == evil) and ref == refs/heads/dev',
    'repository_owner == evil and missing == x',
    'run in [70, "7 "]',
    'groups contains DEV',
    'repository matches *',
  ],
  unknown: [
    'missing == x',
    'missing != x',
    'not missing == x',
    'missing in [x]',
    'missing matches **',
    'missing contains x',
    'missing == ""',
    'repository_owner == acme and missing == x',
    'nothing == null',
    'nothing != x',
    'groups == dev',
    'groups != dev',
    'repository_owner contains acme',
    'kubernetes.io == prod',
    'kubernetes.io.namespace.deeper == prod',
    'twice.a.b == 1',
    'twice.a.b != 3',
    'ref.length == 15',
    'groups.0 == dev',
    'groups.length == 3',
    '__proto__ == x',
    'constructor != x',
    'toString != x',
  ],
};

for (const [expected, texts] of Object.entries(table)) {
  for (const text of texts) {
    test(`${text} is ${expected}`, () => assert.equal(answer(text), expected));
  }
}

for (const [text, problem] of [
  ['', 'at character 1: the name of a claim is expected'],
  ['ref', 'at character 4: one of ==, !=, in, matches, contains is expected'],
  ['ref = main', 'at character 5: = is no comparison; write =='],
  ['ref === main', 'at character 7: = is no comparison; write =='],
  ['!ref', 'at character 1: ! is no comparison; write != or not'],
  ['ref ==', 'at character 7: a value is expected'],
  ['ref == main dev', 'at character 13: and, or or the end is expected'],
  ['ref == main && x == y', 'at character 13: and, or or the end is expected'],
  ['ref == and', 'at character 8: a value is expected; and has to be quoted'],
  ['(ref == main', 'at character 13: ) is expected'],
  ['ref == main)', 'at character 12: and, or or the end is expected'],
  ['ref in main', 'at character 8: [ is expected'],
  ['ref in []', 'at character 9: a value is expected'],
  ['ref in [a b]', 'at character 11: ] is expected'],
  ['ref == "main', 'at character 8: a quote that is not closed'],
  ['ref "==" main', 'at character 5: one of ==, !=, in, matches, contains is expected'],
  ['ref matches a***', 'at character 13: the pattern has more than two * in a row'],
  ['a.b.c.d.e.f.g.h.i == 1', 'at character 1: a claim has at most 8 names'],
  ['always and ref == main', 'at character 8: one of ==, !=, in, matches, contains is expected'],
] as const) {
  test(`the condition ${text || '(empty)'} is refused with the place of its mistake`, () => {
    const condition = parseCondition(text);
    assert.equal(condition.ok ? 'accepted' : condition.problem, problem);
  });
}

test('a condition of absurd depth or length is refused, one of many parts is not', () => {
  assert.equal(parseCondition(`${'('.repeat(2000)}a == b${')'.repeat(2000)}`).ok, false);
  assert.equal(parseCondition(`${'not '.repeat(1000)}a == b`).ok, false);
  assert.equal(parseCondition(`a == ${'b'.repeat(5000)}`).ok, false);
  const many = Array.from({ length: 400 }, () => 'ref==x').join(' or ');
  assert.equal(answer(many), 'false');
});
