// Patterns over repositories, tags and claims.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  parseClaimPattern,
  parseRepositoryPattern,
  parseTagPattern,
  type RepositoryPattern,
  type TextPattern,
  USER,
} from '../../../src/auth/policy/patterns.ts';
import { createRandom } from '../../crash/random.ts';
import { account, anonymous, certificate, federated, robot } from './callers.ts';

function repositories(text: string): RepositoryPattern {
  const pattern = parseRepositoryPattern(text);
  assert.ok(pattern.ok, text);
  return pattern.value;
}

function matching(text: string, names: readonly string[]): readonly string[] {
  const pattern = repositories(text);
  return names.filter((name) => pattern.matches(name, anonymous));
}

function tags(text: string): TextPattern {
  const pattern = parseTagPattern(text);
  assert.ok(pattern.ok, text);
  return pattern.value;
}

const names = ['acme', 'acme/app', 'acme/app/cache', 'acme-2/app', 'acme2', 'app', 'team-a/app', 'team-/app'];

for (const [pattern, expected] of [
  ['acme', ['acme']],
  ['acme/app', ['acme/app']],
  ['acme/*', ['acme/app']],
  ['acme/**', ['acme', 'acme/app', 'acme/app/cache']],
  ['acme*', ['acme', 'acme2']],
  ['acme*/**', ['acme', 'acme/app', 'acme/app/cache', 'acme-2/app', 'acme2']],
  ['*', ['acme', 'acme2', 'app']],
  ['**', names],
  ['*/*', ['acme/app', 'acme-2/app', 'team-a/app', 'team-/app']],
  ['**/app', ['acme/app', 'acme-2/app', 'app', 'team-a/app', 'team-/app']],
  ['**/app/**', ['acme/app', 'acme/app/cache', 'acme-2/app', 'app', 'team-a/app', 'team-/app']],
  ['acme/**/cache', ['acme/app/cache']],
  ['acme/**/app', ['acme/app']],
  ['team-*/app', ['team-a/app', 'team-/app']],
  ['*c*e*', ['acme', 'acme2']],
  ['acme/**/**', ['acme', 'acme/app', 'acme/app/cache']],
] as const) {
  test(`the pattern ${pattern} matches whole names only, component by component`, () => {
    assert.deepEqual(matching(pattern, names), expected);
  });
}

test('any pattern matches as the plain recursive reading of it does', () => {
  const random = createRandom(7);
  const part = () =>
    Array.from({ length: random.integer(1, 3) }, () => random.pick(['a', 'b', '*'])).join('');
  let matched = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const components = Array.from({ length: random.integer(1, 4) }, () =>
      random.percent(30) ? '**' : part().replaceAll('**', '*'),
    ).map((component) => (component === '**' ? component : component.replace(/\*+/g, '*')));
    const name = Array.from({ length: random.integer(1, 4) }, () => part().replaceAll('*', 'a'));
    const expected = matchesPlainly(components, name);
    const pattern = components.join('/');
    matched += expected ? 1 : 0;
    assert.equal(
      repositories(pattern).matches(name.join('/'), anonymous),
      expected,
      `${pattern} on ${name.join('/')}`,
    );
  }
  assert.ok(matched > 1000, `${matched} matches`);
});

function matchesPlainly(pattern: readonly string[], name: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return name.length === 0;
  if (first === '**')
    return matchesPlainly(rest, name) || (name.length > 0 && matchesPlainly(pattern, name.slice(1)));
  const [component, ...others] = name;
  if (component === undefined) return false;
  return new RegExp(`^${first.replaceAll('*', '.*')}$`).test(component) && matchesPlainly(rest, others);
}

test('a pattern that no name can match, or that is unclear, is refused', () => {
  for (const text of [
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    'Acme/*',
    'a/***',
    'a**',
    '{a,b}/c',
    `a/${'$'}{group}`,
    'a/$user',
    'a b',
    'a/?',
    'a/[ab]',
    'ä',
    'a\n',
    '../a',
    'a..b',
    '-a',
    'a'.repeat(257),
  ]) {
    assert.equal(parseRepositoryPattern(text).ok, false, JSON.stringify(text));
  }
});

test('a personal pattern is the namespace of the account that asks, and of no other kind of caller', () => {
  const own = repositories(`${USER}/**`);
  assert.equal(own.matches('alice/app', account('alice')), true);
  assert.equal(own.matches('alice', account('alice')), true);
  assert.equal(own.matches('bob/app', account('alice')), false);
  assert.equal(own.matches('alicea/app', account('alice')), false);
  for (const namesake of [robot('alice'), certificate('alice'), federated('corp', {}, 'alice'), anonymous]) {
    assert.equal(own.matches('alice/app', namesake), false, namesake.kind);
  }
  const inner = repositories(`home/x-${USER}/*`);
  assert.equal(inner.matches('home/x-alice/app', account('alice')), true);
  assert.equal(inner.matches('home/x-bob/app', account('alice')), false);
});

test('an account whose name is no component of a repository has no namespace', () => {
  const own = repositories(`${USER}/**`);
  for (const name of ['*', '**', 'a/b', 'Alice', '', '..', 'a*', 'alice@example.com', '$', USER]) {
    for (const repository of ['alice/app', 'a/b', 'a/b/c', 'app', '*']) {
      assert.equal(own.matches(repository, account(name)), false, `${name} on ${repository}`);
    }
  }
});

for (const [pattern, yes, no] of [
  ['v*', ['v', 'v1', 'v1.2.3'], ['1', 'dev', 'V1']],
  ['[0-9]*.[0-9]*', ['1.2', '10.20.3'], ['v1.2', '1', 'a.1']],
  ['1.?', ['1.2'], ['1.', '1.22']],
  ['[a-cx]', ['a', 'b', 'c', 'x'], ['d', '-', 'ab']],
  ['[0-9_.-]*', ['1', '_', '-x', '.'], ['a']],
  ['latest', ['latest'], ['latest-1', 'mylatest', 'Latest']],
  ['*-rc*', ['1-rc', '1-rc2'], ['1', 'rc']],
] as const) {
  test(`the tag pattern ${pattern} matches whole tags only`, () => {
    const matches = tags(pattern);
    for (const tag of yes) assert.equal(matches(tag), true, tag);
    for (const tag of no) assert.equal(matches(tag), false, tag);
  });
}

test('a tag pattern that is unclear is refused', () => {
  for (const text of [
    '',
    'a/b',
    '[',
    '[]',
    '[a',
    'a]',
    '[^a]',
    '[!a]',
    '[z-a]',
    '[[a]]',
    'a b',
    'a+',
    '(a|b)',
    '\\d',
    'ä',
  ]) {
    assert.equal(parseTagPattern(text).ok, false, JSON.stringify(text));
  }
});

test('one star over claims stops at a slash, two do not', () => {
  const heads = parseClaimPattern('refs/heads/*');
  const all = parseClaimPattern('repo:acme/**');
  assert.ok(heads.ok && all.ok);
  assert.equal(heads.value('refs/heads/main'), true);
  assert.equal(heads.value('refs/heads/a/b'), false);
  assert.equal(heads.value('xrefs/heads/main'), false);
  assert.equal(all.value('repo:acme/app:ref:refs/heads/main'), true);
  assert.equal(all.value('repo:acme2/app'), false);
  assert.equal(all.value(`repo:acme/${'a'.repeat(2000)}`), false, 'longer than any sensible claim');
  assert.equal(parseClaimPattern('a***').ok, false);
});

test('what looks like a regular expression in a claim pattern is itself', () => {
  const pattern = parseClaimPattern('a.c+(d)');
  assert.ok(pattern.ok);
  assert.equal(pattern.value('a.c+(d)'), true);
  assert.equal(pattern.value('abcc(d)'), false);
});

const MOST_CPU_MS = 50;

/** Milliseconds of CPU of this process, the least of three runs. */
function cpuMs(work: () => void): number {
  const runs = [1, 2, 3].map(() => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...runs);
}

test('hostile names and tags against hostile patterns cost next to nothing (R13)', (t) => {
  const long = 'a'.repeat(255);
  const deep = `a/b/${Array.from({ length: 126 }, () => 'a').join('/')}`;
  const stars = `${'*a'.repeat(120)}*b`;
  const deepStars = `${Array.from({ length: 50 }, () => '**/a').join('/')}/b`;
  const work: readonly (readonly [string, () => boolean])[] = [
    ['many stars', () => repositories(stars).matches(long, anonymous)],
    ['many double stars', () => repositories(deepStars).matches(deep, anonymous)],
    ['double stars on one component', () => repositories(deepStars).matches(long, anonymous)],
    [
      'stars in the namespace',
      () => repositories(`**/${USER}/${stars.slice(0, 200)}/b`).matches(deep, account('a')),
    ],
    ['tag stars', () => tags(`${'*[a-z]'.repeat(40)}*0`)('a'.repeat(128))],
    [
      'claim stars',
      () => {
        const pattern = parseClaimPattern(`${'**a*/'.repeat(50)}b`);
        assert.ok(pattern.ok);
        return pattern.value('a/'.repeat(512));
      },
    ],
    ['a name of 32 KB', () => repositories('**/a-*-a').matches(`${'a-'.repeat(16_384)}!`, anonymous)],
  ];
  for (const [title, run] of work) {
    assert.equal(run(), false, title);
    const cost = cpuMs(() => void run());
    t.diagnostic(`${title}: ${cost.toFixed(2)} ms`);
    assert.ok(cost <= MOST_CPU_MS, `${title}: ${cost} ms`);
  }
});
