// What a condition over claims comes to.
//
// There are three answers. A claim that is missing, or of another shape than the comparison needs, makes a comparison
// `unknown`, and so does its opposite: `not (ref == x)` is not true of a token without `ref`. Who asks decides what to do
// with `unknown`: a rule that allows needs `true`, a rule that denies needs only that it is not `false`.
import type { Claim } from '../caller.ts';
import type { TextPattern } from './patterns.ts';

export type Claims = { readonly [name: string]: Claim };
export type Answer = 'true' | 'false' | 'unknown';
export type Condition = (claims: Claims) => Answer;

export const always: Condition = () => 'true';

export function both(left: Condition, right: Condition): Condition {
  return (claims) => {
    const first = left(claims);
    if (first === 'false') return first;
    const second = right(claims);
    return first === 'true' || second === 'false' ? second : first;
  };
}

export function either(left: Condition, right: Condition): Condition {
  return opposite(both(opposite(left), opposite(right)));
}

export function opposite(condition: Condition): Condition {
  return (claims) => {
    const answer = condition(claims);
    if (answer === 'unknown') return answer;
    return answer === 'true' ? 'false' : 'true';
  };
}

/** Whether a single value (a text, a number, a boolean) is a text that passes. */
export function valueIs(path: readonly string[], passes: TextPattern): Condition {
  return (claims) => {
    const text = asText(claimAt(claims, path));
    return text === undefined ? 'unknown' : answerOf(passes(text));
  };
}

/** Whether a list of single values has the text in it. */
export function listHas(path: readonly string[], wanted: string): Condition {
  return (claims) => {
    const list = claimAt(claims, path);
    return Array.isArray(list) ? answerOf(list.some((item) => asText(item) === wanted)) : 'unknown';
  };
}

function answerOf(holds: boolean): Answer {
  return holds ? 'true' : 'false';
}

function asText(claim: Claim | undefined): string | undefined {
  if (typeof claim === 'string') return claim;
  return typeof claim === 'number' || typeof claim === 'boolean' ? String(claim) : undefined;
}

/**
 * The claim at a dotted path. Names of claims have dots too (`kubernetes.io`), so every way to cut the path is tried; one
 * that can be read in two ways is as good as missing.
 */
function claimAt(claims: Claims, path: readonly string[]): Claim | undefined {
  const [name] = path;
  if (path.length === 1 && name !== undefined) return Object.hasOwn(claims, name) ? claims[name] : undefined;
  const found = claimsAt(claims, path);
  return found.length === 1 ? found[0] : undefined;
}

function claimsAt(claim: Claim, path: readonly string[]): readonly Claim[] {
  if (path.length === 0) return [claim];
  if (typeof claim !== 'object' || claim === null || isList(claim)) return [];
  return path.flatMap((_, index) => {
    const name = path.slice(0, index + 1).join('.');
    const inner = Object.hasOwn(claim, name) ? claim[name] : undefined;
    return inner === undefined ? [] : claimsAt(inner, path.slice(index + 1));
  });
}

/** `Array.isArray` does not narrow read-only lists. */
function isList(claim: Claim): claim is readonly Claim[] {
  return Array.isArray(claim);
}
