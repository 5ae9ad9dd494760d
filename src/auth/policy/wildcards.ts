// Matches texts against wildcards, always as a whole. All ways through the pattern are followed side by side, so the time
// is at most the length of the text times the length of the pattern: nothing is tried twice.

/** One step of a pattern. The last three stand for any number of characters, also none. */
export type Step =
  | { readonly kind: 'character'; readonly code: number }
  | { readonly kind: 'oneOf'; readonly ranges: readonly (readonly [first: number, last: number])[] }
  | { readonly kind: 'any' }
  /** Characters other than a slash. */
  | { readonly kind: 'within' }
  | { readonly kind: 'across' }
  /** Whole components, each with the slash behind it. */
  | { readonly kind: 'components' };

const SLASH = '/'.charCodeAt(0);

/** The steps that stand for the text itself. */
export function literal(text: string): Step[] {
  return Array.from({ length: text.length }, (_, index) => ({
    kind: 'character',
    code: text.charCodeAt(index),
  }));
}

/** The characters that every matching text begins with. */
export function literalPrefix(steps: readonly Step[]): string {
  const end = steps.findIndex((step) => step.kind !== 'character');
  const plain = end === -1 ? steps : steps.slice(0, end);
  return plain.map((step) => (step.kind === 'character' ? String.fromCharCode(step.code) : '')).join('');
}

/** Whether the text from `start` on matches the steps from `start` on; what is before both was compared already. */
export function matchesSteps(steps: readonly Step[], text: string, start = 0): boolean {
  const seenAt = new Int32Array(steps.length + 1).fill(-1);
  let current: number[] = [];
  let next: number[] = [];

  /** Notes a place in the pattern, and those behind it that are reached without a character. */
  function reach(place: number, at: number, isComponentStart: boolean): void {
    for (let reached = place; seenAt[reached] !== at; reached += 1) {
      seenAt[reached] = at;
      next.push(reached);
      const step = steps[reached];
      if (step === undefined || !repeats(step)) return;
      if (step.kind === 'components' && !isComponentStart) return;
    }
  }

  reach(start, start, start === 0 || text.charCodeAt(start - 1) === SLASH);
  for (let at = start; at < text.length; at += 1) {
    [current, next] = [next, []];
    if (current.length === 0) return false;
    const code = text.charCodeAt(at);
    for (const place of current) {
      const step = steps[place];
      if (step === undefined || !takes(step, code)) continue;
      reach(repeats(step) ? place : place + 1, at + 1, code === SLASH);
    }
  }
  return seenAt[steps.length] === text.length;
}

function repeats(step: Step): boolean {
  return step.kind === 'within' || step.kind === 'across' || step.kind === 'components';
}

function takes(step: Step, code: number): boolean {
  switch (step.kind) {
    case 'character':
      return step.code === code;
    case 'oneOf':
      return step.ranges.some(([first, last]) => first <= code && code <= last);
    case 'any':
    case 'within':
      return code !== SLASH;
    case 'across':
    case 'components':
      return true;
  }
}
