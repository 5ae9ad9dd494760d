// Rules, judged over every kind of caller. The tables are the documentation: what is not in one is not allowed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACTIONS, type Action, type Caller } from '../../../src/auth/caller.ts';
import { permitFor } from '../../../src/auth/policy/permit.ts';
import type { Policy } from '../../../src/auth/policy/policy.ts';
import { accountsPolicy, openPolicy } from '../../../src/auth/policy/without-rules.ts';
import { parseRepositoryName } from '../../../src/registry/name.ts';
import { parseTag } from '../../../src/registry/reference.ts';
import { createRandom, type Random } from '../../crash/random.ts';
import { account, anonymous, certificate, federated, githubJob, policyOf, robot } from './callers.ts';

function may(policy: Policy, caller: Caller, action: Action, repository: string): boolean {
  return policy.may(caller, action, parseRepositoryName(repository));
}

/** What may be done, in the order of ACTIONS: `pull push`, `nothing`, `everything`. */
function allowed(policy: Policy, caller: Caller, repository: string): string {
  const actions = ACTIONS.filter((action) => may(policy, caller, action, repository));
  if (actions.length === ACTIONS.length) return 'everything';
  return actions.length === 0 ? 'nothing' : actions.join(' ');
}

const root: Caller = { ...account('root'), isAdministrator: true };
const callers = {
  anonymous,
  alice: account('alice', 'dev'),
  bob: account('bob'),
  operator: account('olga', 'ops'),
  root,
  'robot ci': robot('ci'),
  'robot ci for team only': robot('ci', [{ repositories: 'team/**', actions: ['pull', 'push'] }]),
  'robot of no use': robot('ci', []),
  'certificate node-1': certificate('node-1'),
  'job on main': githubJob('acme/app', 'refs/heads/main'),
  'job on a branch': githubJob('acme/app', 'refs/heads/x'),
  'job of another owner': githubJob('evil/app', 'refs/heads/main'),
  'token of another issuer': federated('gitlab', { repository_owner: 'acme', ref: 'refs/heads/main' }),
} as const;

const RULES = `
rules:
  - { repositories: prod/**, for: everyone, actions: [overwrite, delete], effect: deny }
  - { repositories: '**', for: group:ops, actions: admin }
  - { repositories: team/**, for: [group:dev, robot:ci], actions: [pull, push] }
  - { repositories: team/app, for: user:alice, actions: [overwrite, delete] }
  - { repositories: '\${user}/**', for: authenticated, actions: [pull, write] }
  - repositories: acme/*
    for: oidc:github
    actions: [pull, write]
    when: repository_owner == acme and ref == refs/heads/main
  - { repositories: mirror/**, for: certificate:node-1, actions: pull }
  - { repositories: [public/**, prod/web], for: everyone, actions: pull }
`;

/** Rows are callers, and what each may do in the repositories named above them. */
const repositories = [
  'team/app',
  'team/lib',
  'prod/web',
  'alice/tool',
  'acme/app',
  'mirror/x',
  'public/x',
  'unknown',
];
const expected: Readonly<Record<keyof typeof callers, readonly string[]>> = {
  anonymous: ['nothing', 'nothing', 'pull', 'nothing', 'nothing', 'nothing', 'pull', 'nothing'],
  alice: [
    'pull push overwrite delete',
    'pull push',
    'pull',
    'pull push overwrite',
    'nothing',
    'nothing',
    'pull',
    'nothing',
  ],
  bob: ['nothing', 'nothing', 'pull', 'nothing', 'nothing', 'nothing', 'pull', 'nothing'],
  operator: [
    'everything',
    'everything',
    'pull push admin',
    'everything',
    'everything',
    'everything',
    'everything',
    'everything',
  ],
  root: Array.from({ length: 8 }, () => 'everything'),
  'robot ci': ['pull push', 'pull push', 'pull', 'nothing', 'nothing', 'nothing', 'pull', 'nothing'],
  'robot ci for team only': [
    'pull push',
    'pull push',
    'nothing',
    'nothing',
    'nothing',
    'nothing',
    'nothing',
    'nothing',
  ],
  'robot of no use': Array.from({ length: 8 }, () => 'nothing'),
  'certificate node-1': ['nothing', 'nothing', 'pull', 'nothing', 'nothing', 'pull', 'pull', 'nothing'],
  'job on main': [
    'nothing',
    'nothing',
    'pull',
    'nothing',
    'pull push overwrite',
    'nothing',
    'pull',
    'nothing',
  ],
  'job on a branch': ['nothing', 'nothing', 'pull', 'nothing', 'nothing', 'nothing', 'pull', 'nothing'],
  'job of another owner': ['nothing', 'nothing', 'pull', 'nothing', 'nothing', 'nothing', 'pull', 'nothing'],
  'token of another issuer': [
    'nothing',
    'nothing',
    'pull',
    'nothing',
    'nothing',
    'nothing',
    'pull',
    'nothing',
  ],
};

for (const [name, row] of Object.entries(expected)) {
  test(`${name} may do what the table says, and nothing else`, () => {
    const caller = Object.entries(callers).find(([known]) => known === name)?.[1];
    assert.ok(caller);
    const policy = policyOf(RULES);
    assert.deepEqual(
      repositories.map((repository) => allowed(policy, caller, repository)),
      row,
    );
  });
}

for (const [actions, result] of [
  ['pull', 'pull'],
  ['push', 'push'],
  ['overwrite', 'overwrite'],
  ['delete', 'delete'],
  ['write', 'push overwrite'],
  ['[pull, push]', 'pull push'],
  ['admin', 'everything'],
  ['all', 'everything'],
] as const) {
  test(`a rule that allows ${actions} allows ${result}: no action brings another one with it (A03-A05)`, () => {
    const policy = policyOf(`rules: [{ repositories: a, for: 'user:alice', actions: ${actions} }]`);
    assert.equal(allowed(policy, callers.alice, 'a'), result);
    assert.equal(allowed(policy, callers.alice, 'b'), 'nothing');
    assert.equal(allowed(policy, callers.bob, 'a'), 'nothing');
  });
}

test('who may only push may not move a tag that is there (A05, A06)', () => {
  const policy = policyOf(`rules: [{ repositories: '**', for: authenticated, actions: [pull, push] }]`);
  assert.equal(may(policy, callers.bob, 'push', 'a'), true);
  assert.equal(may(policy, callers.bob, 'overwrite', 'a'), false);
});

test('the first rule that speaks about an action decides, action by action', () => {
  const policy = policyOf(`
rules:
  - { repositories: a, for: 'user:alice', actions: [pull], effect: deny }
  - { repositories: a, for: 'user:alice', actions: [pull, push] }
  - { repositories: a, for: 'user:alice', actions: all, effect: deny }
  - { repositories: a, for: everyone, actions: all }
`);
  assert.equal(allowed(policy, callers.alice, 'a'), 'push');
  assert.equal(allowed(policy, callers.bob, 'a'), 'everything');
});

test('denying admin denies nothing else', () => {
  const policy = policyOf(`
rules:
  - { repositories: '**', for: everyone, actions: admin, effect: deny }
  - { repositories: '**', for: 'user:alice', actions: admin }
`);
  assert.equal(allowed(policy, callers.alice, 'a'), 'pull push overwrite delete');
});

test('an empty list of rules allows nothing to anybody but an administrator', () => {
  const policy = policyOf('rules: []');
  for (const [name, caller] of Object.entries(callers)) {
    assert.equal(allowed(policy, caller, 'a/b'), name === 'root' ? 'everything' : 'nothing', name);
  }
  assert.equal(policy.mayList(anonymous), false);
});

test('namesakes of other kinds are other callers', () => {
  const namesakes = {
    'user:x': account('x'),
    'robot:x': robot('x'),
    'certificate:x': certificate('x'),
    'oidc:x': federated('x', {}, 'y'),
    'group:x': account('y', 'x'),
  };
  for (const subject of Object.keys(namesakes)) {
    const when = subject === 'oidc:x' ? ', when: always' : '';
    const policy = policyOf(`rules: [{ repositories: a, for: '${subject}', actions: pull${when} }]`);
    for (const [other, caller] of Object.entries({ ...namesakes, none: federated('other', {}, 'x') })) {
      assert.equal(may(policy, caller, 'pull', 'a'), other === subject, `${subject} for ${other}`);
    }
  }
});

test('what an outside issuer or a certificate calls a group is none of ours', () => {
  const policy = policyOf(`rules: [{ repositories: a, for: 'group:ops', actions: pull }]`);
  assert.equal(may(policy, callers.operator, 'pull', 'a'), true);
  assert.equal(may(policy, { ...federated('github', {}), groups: ['ops'] }, 'pull', 'a'), false);
  assert.equal(may(policy, { ...certificate('x'), groups: ['ops'] }, 'pull', 'a'), false);
});

test('a token of an outside issuer is not `authenticated`: it needs a rule for its issuer', () => {
  const policy = policyOf(`rules: [{ repositories: a, for: authenticated, actions: pull }]`);
  for (const [name, caller] of Object.entries(callers)) {
    const trusted = ['alice', 'bob', 'operator', 'root', 'robot ci', 'certificate node-1'].includes(name);
    assert.equal(may(policy, caller, 'pull', 'a'), trusted, name);
  }
});

test('groups of the policy itself have accounts as members, and no robot or certificate of that name', () => {
  const policy = policyOf(`
groups: { release: [alice, bob] }
rules: [{ repositories: a, for: 'group:release', actions: pull }]
`);
  assert.equal(may(policy, callers.alice, 'pull', 'a'), true);
  assert.equal(may(policy, callers.operator, 'pull', 'a'), false);
  assert.equal(may(policy, robot('alice'), 'pull', 'a'), false);
  assert.equal(may(policy, certificate('alice'), 'pull', 'a'), false);
  assert.equal(may(policy, account('constructor'), 'pull', 'a'), false);
});

test('a condition that lacks a claim does not allow, and does not lift a ban', () => {
  const policy = policyOf(`
rules:
  - { repositories: a, for: 'oidc:ci', actions: push, effect: deny, when: environment == test }
  - { repositories: a, for: 'oidc:ci', actions: [pull, push], when: team != other }
`);
  assert.equal(allowed(policy, federated('ci', { team: 'x', environment: 'prod' }), 'a'), 'pull push');
  assert.equal(allowed(policy, federated('ci', { team: 'x', environment: 'test' }), 'a'), 'pull');
  assert.equal(allowed(policy, federated('ci', { team: 'x' }), 'a'), 'pull');
  assert.equal(allowed(policy, federated('ci', { environment: 'prod' }), 'a'), 'nothing');
});

test('certificates may have conditions, and a star for any of them', () => {
  const policy = policyOf(`
rules: [{ repositories: a, for: 'certificate:*', actions: pull, when: subject.O == acme }]
`);
  assert.equal(may(policy, certificate('x', { subject: { O: 'acme' } }), 'pull', 'a'), true);
  assert.equal(may(policy, certificate('x', { subject: { O: 'evil' } }), 'pull', 'a'), false);
  assert.equal(may(policy, account('*'), 'pull', 'a'), false);
});

test('limits of a secret bound what rules and even administration allow', () => {
  const policy = policyOf(`rules: [{ repositories: '**', for: everyone, actions: all }]`);
  const limited = robot('r', [
    { repositories: 'a/*', actions: ['pull'] },
    { repositories: 'b', actions: ['admin'] },
    { repositories: 'NOT A PATTERN', actions: ['pull'] },
    { repositories: `\${user}/**`, actions: ['pull'] },
  ]);
  for (const caller of [limited, { ...limited, isAdministrator: true as const }]) {
    assert.equal(allowed(policy, caller, 'a/x'), 'pull');
    assert.equal(allowed(policy, caller, 'b'), 'everything');
    assert.equal(allowed(policy, caller, 'r/x'), 'nothing');
    assert.equal(allowed(policy, caller, 'c'), 'nothing');
  }
  assert.equal(allowed(accountsPolicy, limited, 'a/x'), 'pull');
});

test('limits cannot give what the rules do not', () => {
  const policy = policyOf('rules: []');
  const wide = robot('r', [{ repositories: '**', actions: ['admin'] }]);
  assert.equal(allowed(policy, wide, 'a'), 'nothing');
});

test('a mount needs pull on the source and push on the target, which are asked for apart (A12)', () => {
  const policy = policyOf(`
rules:
  - { repositories: source, for: 'user:alice', actions: pull }
  - { repositories: target, for: 'user:bob', actions: push }
`);
  const both = (caller: Caller) => [
    may(policy, caller, 'pull', 'source'),
    may(policy, caller, 'push', 'target'),
  ];
  assert.deepEqual(both(callers.alice), [true, false]);
  assert.deepEqual(both(callers.bob), [false, true]);
});

test('anonymous callers may list only where some rule shows them something (A19)', () => {
  const lists = (rule: string) => policyOf(`rules: [${rule}]`).mayList(anonymous);
  assert.equal(lists(`{ repositories: 'public/**', for: anonymous, actions: pull }`), true);
  assert.equal(lists(`{ repositories: 'public/**', for: everyone, actions: admin }`), true);
  assert.equal(lists(`{ repositories: 'public/**', for: anonymous, actions: push }`), false);
  assert.equal(lists(`{ repositories: 'public/**', for: authenticated, actions: pull }`), false);
  assert.equal(lists(`{ repositories: 'public/**', for: everyone, actions: pull, effect: deny }`), false);
  assert.equal(policyOf('rules: []').mayList(callers.bob), true);
});

test('immutable tags match as a whole, by repository, with exceptions', () => {
  const policy = policyOf(`
rules: []
immutabletags:
  - { repositories: 'prod/**', tags: '*', except: [latest, '*-snapshot'] }
  - { repositories: lib, tags: ['v[0-9]*', stable] }
`);
  const immutable = (repository: string, tag: string) =>
    policy.isImmutable?.(parseRepositoryName(repository), parseTag(tag));
  assert.equal(immutable('prod/app', '1.0'), true);
  assert.equal(immutable('prod/app', 'latest'), false);
  assert.equal(immutable('prod/app', 'latest2'), true);
  assert.equal(immutable('prod/app', '1-snapshot'), false);
  assert.equal(immutable('lib', 'v1'), true);
  assert.equal(immutable('lib', 'dev1'), false);
  assert.equal(immutable('lib', 'xv1'), false);
  assert.equal(immutable('lib', 'unstable'), false);
  assert.equal(immutable('lib/x', 'v1'), false);
});

test('without rules accounts may do everything but administration, and others nothing', () => {
  const policy = policyOf(`immutabletags: [{ repositories: '**', tags: 'v*' }]`, {
    withoutRules: accountsPolicy,
  });
  for (const [name, caller] of Object.entries(callers)) {
    const outside = name === 'robot of no use' || /anonymous|job|token|certificate/.test(name);
    const full = name === 'root' ? 'everything' : 'pull push overwrite delete';
    const own = name === 'robot ci for team only' ? 'pull push' : full;
    assert.equal(allowed(policy, caller, 'team/x'), outside ? 'nothing' : own, name);
  }
  assert.equal(policy.mayList(anonymous), false);
  assert.equal(policy.mayList(callers.bob), true);
  assert.equal(policy.isImmutable?.(parseRepositoryName('a'), parseTag('v1')), true);
});

test('without rules and without accounts everybody may do everything but administration', () => {
  const policy = policyOf('immutabletags: []', { withoutRules: openPolicy });
  assert.equal(allowed(policy, anonymous, 'a'), 'pull push overwrite delete');
  assert.equal(policy.mayList(anonymous), true);
});

test('an empty list of rules is not the absence of rules', () => {
  const policy = policyOf('rules: []', { withoutRules: openPolicy });
  assert.equal(allowed(policy, anonymous, 'a'), 'nothing');
});

test('a permit says what the policy says, and whether logging in could help', () => {
  const policy = policyOf(RULES);
  for (const caller of Object.values(callers)) {
    const permit = permitFor(caller, policy);
    assert.equal(permit.caller, caller);
    assert.equal(permit.couldBeBetter, caller === anonymous);
    assert.equal(permit.mayList, policy.mayList(caller));
    for (const name of repositories) {
      const repository = parseRepositoryName(name);
      for (const action of ACTIONS)
        assert.equal(permit.may(action, repository), policy.may(caller, action, repository));
    }
  }
});

test('whatever the rules: what is allowed is named by a rule that allows it, and denials only take away', () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = createRandom(seed);
    const rules = Array.from({ length: random.integer(0, 6) }, () => drawRule(random));
    const policy = policyOf(JSON.stringify({ rules }));
    const allows = rules.filter(({ effect }) => effect === 'allow');
    const onlyAllows = policyOf(JSON.stringify({ rules: allows }));
    for (const [name, caller] of Object.entries(callers)) {
      if (name === 'root') continue;
      for (const repository of ['team/app', 'alice/x', 'prod/web']) {
        for (const action of ACTIONS) {
          if (!may(policy, caller, action, repository)) continue;
          const where = `seed ${seed}: ${name} ${action} ${repository}`;
          assert.ok(may(onlyAllows, caller, action, repository), where);
          const alone = allows.filter((rule) =>
            may(policyOf(JSON.stringify({ rules: [rule] })), caller, action, repository),
          );
          assert.ok(
            alone.some(({ actions }) =>
              [action, 'admin', 'all', 'write'].some((word) => actions.includes(word)),
            ),
            where,
          );
        }
      }
    }
  }
});

interface DrawnRule {
  readonly repositories: string;
  readonly for: string;
  readonly actions: readonly string[];
  readonly effect: string;
  readonly when?: string;
}

function drawRule(random: Random): DrawnRule {
  const subjects = [
    'everyone',
    'anonymous',
    'authenticated',
    'user:alice',
    'group:ops',
    'robot:ci',
    'oidc:github',
  ];
  const subject = random.pick(subjects) ?? '';
  return {
    repositories: random.pick(['**', 'team/**', '*/app', 'prod/web', `\${user}/*`]) ?? '',
    for: subject,
    actions: [random.pick([...ACTIONS, 'write', 'all']) ?? '', random.pick(ACTIONS) ?? ''],
    effect: random.percent(60) ? 'allow' : 'deny',
    ...(subject === 'oidc:github' && { when: 'repository_owner == acme' }),
  };
}
