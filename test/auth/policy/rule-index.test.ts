// The index finds what going through the list would.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRepositoryPattern } from '../../../src/auth/policy/patterns.ts';
import type { Rule } from '../../../src/auth/policy/rule.ts';
import { createRuleIndex } from '../../../src/auth/policy/rule-index.ts';
import { createRandom } from '../../crash/random.ts';
import { account } from './callers.ts';

const patterns = ['a', 'a/**', 'b/*', 'a*/c', '**', '*', 'b', '**/c', 'c/**', `\${user}/**`, 'a/c'];
const names = ['a', 'a/c', 'b', 'b/c', 'c', 'ab/c', 'd', 'alice/x'];

function ruleOver(texts: readonly string[]): Rule {
  const repositories = texts.flatMap((text) => {
    const pattern = parseRepositoryPattern(text);
    assert.ok(pattern.ok);
    return [pattern.value];
  });
  return { allows: true, actions: 1, subjects: [], repositories };
}

test('of rules over any repositories the index finds the same first one as the list', () => {
  const random = createRandom(3);
  const caller = account('alice');
  let found = 0;
  for (let round = 0; round < 2000; round += 1) {
    const rules = Array.from({ length: random.integer(0, 8) }, () =>
      ruleOver(Array.from({ length: random.integer(1, 3) }, () => random.pick(patterns) ?? '')),
    );
    const chosen = new Set(rules.filter(() => random.percent(60)));
    const index = createRuleIndex(rules);
    for (const name of names) {
      const fits = (rule: Rule) =>
        chosen.has(rule) && rule.repositories.some((pattern) => pattern.matches(name, caller));
      const expected = rules.find(fits);
      found += expected === undefined ? 0 : 1;
      assert.equal(index.first(name, fits), expected, name);
    }
  }
  assert.ok(found > 1000, `${found} rules found`);
});
