// Finds the first rule that fits without asking those of other namespaces: most rules of a long list name one.
import type { Rule } from './rule.ts';

export interface RuleIndex {
  /** The first rule, in the order of the list, that may name the repository and fits. */
  first(repository: string, fits: (rule: Rule) => boolean): Rule | undefined;
}

interface Numbered {
  readonly rule: Rule;
  readonly number: number;
}

export function createRuleIndex(rules: readonly Rule[]): RuleIndex {
  const byComponent = new Map<string, Numbered[]>();
  /** Rules that may name repositories under any first component. */
  const open: Numbered[] = [];
  for (const [number, rule] of rules.entries()) {
    const components = rule.repositories.map(({ firstComponent }) => firstComponent);
    if (components.includes(undefined)) open.push({ rule, number });
    else for (const component of new Set(components)) add(component ?? '', { rule, number });
  }

  function add(component: string, numbered: Numbered): void {
    const those = byComponent.get(component);
    if (those === undefined) byComponent.set(component, [numbered]);
    else those.push(numbered);
  }

  return {
    first(repository, fits) {
      const slash = repository.indexOf('/');
      const component = slash === -1 ? repository : repository.slice(0, slash);
      const named = byComponent.get(component)?.find(({ rule }) => fits(rule));
      const others = open.find(({ rule, number }) => number < (named?.number ?? rules.length) && fits(rule));
      return (others ?? named)?.rule;
    },
  };
}
