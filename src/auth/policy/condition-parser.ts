// Reads a condition over claims:
//
//   repository_owner == acme and (ref == refs/heads/main or ref matches refs/tags/*)
//   not environment in [dev, 'my stage'] and groups contains release
//
//   either     = both { "or" both }
//   both       = single { "and" single }
//   single     = "not" single | "(" either ")" | claim comparison
//   comparison = ( "==" | "!=" | "contains" ) value | "matches" pattern | "in" "[" value { "," value } "]"
//
// A word needs no quotes unless it has a space, a bracket, a quote, a comma, = or !, or is one of the words above.
import { always, both, type Condition, either, listHas, opposite, valueIs } from './condition.ts';
import { accepted, type Parsed, refused } from './parsed.ts';
import { parseClaimPattern } from './patterns.ts';

const MAX_LENGTH = 4096;
const MAX_DEPTH = 50;
const MAX_PATH = 8;
const KEYWORDS: ReadonlySet<string> = new Set(['and', 'or', 'not', 'in', 'matches', 'contains']);
const TOKEN =
  /\s*(?:(?<sign>==|!=|[()[\],])|"(?<double>[^"]*)"|'(?<single>[^']*)'|(?<word>[^\s()[\],'"=!]+))/y;

interface Token {
  readonly kind: 'sign' | 'keyword' | 'text' | 'end';
  readonly text: string;
  /** Of its first character, from 1. */
  readonly place: number;
}

/** Thrown and caught in this file only. */
class Refusal extends Error {
  constructor(place: number, expected: string) {
    super(`at character ${place}: ${expected}`);
  }
}

/** `always` is a condition of its own: everybody whom the issuer gives a token is meant. */
export function parseCondition(text: string): Parsed<Condition> {
  if (text.length > MAX_LENGTH) return refused(`is longer than ${MAX_LENGTH} characters`);
  if (text.trim() === 'always') return accepted(always);
  try {
    return accepted(parseTokens(tokenize(text)));
  } catch (error) {
    if (error instanceof Refusal) return refused(error.message);
    throw error;
  }
}

function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  for (let at = 0; at < end; ) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text);
    if (found === null) throw new Refusal(placeAfterSpace(text, at), describeOdd(text.slice(at).trimStart()));
    const place = placeAfterSpace(text, at);
    const { sign, double, single, word } = found.groups ?? {};
    const quoted = double ?? single;
    if (sign !== undefined) tokens.push({ kind: 'sign', text: sign, place });
    else if (quoted !== undefined) tokens.push({ kind: 'text', text: quoted, place });
    else if (word !== undefined)
      tokens.push({ kind: KEYWORDS.has(word) ? 'keyword' : 'text', text: word, place });
    at = TOKEN.lastIndex;
  }
  return [...tokens, { kind: 'end', text: '', place: end + 1 }];
}

function placeAfterSpace(text: string, at: number): number {
  return text.length - text.slice(at).trimStart().length + 1;
}

function describeOdd(rest: string): string {
  if (rest.startsWith('=')) return '= is no comparison; write ==';
  if (rest.startsWith('!')) return '! is no comparison; write != or not';
  return 'a quote that is not closed';
}

function parseTokens(tokens: readonly Token[]): Condition {
  let index = 0;
  const peek = (): Token => tokens[index] ?? { kind: 'end', text: '', place: 1 };
  function next(): Token {
    const token = peek();
    index += 1;
    return token;
  }
  function takes(kind: Token['kind'], text: string): boolean {
    const is = peek().kind === kind && peek().text === text;
    if (is) index += 1;
    return is;
  }
  function need(text: string): void {
    if (!takes('sign', text)) throw new Refusal(peek().place, `${text} is expected`);
  }
  function readText(what: string): string {
    const token = next();
    if (token.kind === 'text') return token.text;
    throw new Refusal(
      token.place,
      token.kind === 'keyword'
        ? `${what} is expected; ${token.text} has to be quoted`
        : `${what} is expected`,
    );
  }

  function readEither(depth: number): Condition {
    let condition = readBoth(depth);
    while (takes('keyword', 'or')) condition = either(condition, readBoth(depth));
    return condition;
  }
  function readBoth(depth: number): Condition {
    let condition = readSingle(depth);
    while (takes('keyword', 'and')) condition = both(condition, readSingle(depth));
    return condition;
  }
  function readSingle(depth: number): Condition {
    if (depth > MAX_DEPTH) throw new Refusal(peek().place, 'is nested too deeply');
    if (takes('keyword', 'not')) return opposite(readSingle(depth + 1));
    if (!takes('sign', '(')) return readComparison();
    const inner = readEither(depth + 1);
    need(')');
    return inner;
  }
  function readComparison(): Condition {
    const { place } = peek();
    const path = readText('the name of a claim').split('.');
    if (path.length > MAX_PATH) throw new Refusal(place, `a claim has at most ${MAX_PATH} names`);
    const operator = next();
    switch (operator.kind === 'text' ? undefined : operator.text) {
      case '==':
        return equals(path, [readText('a value')]);
      case '!=':
        return opposite(equals(path, [readText('a value')]));
      case 'contains':
        return listHas(path, readText('a value'));
      case 'in':
        return equals(path, readList());
      case 'matches':
        return matches(path);
      default:
        throw new Refusal(operator.place, 'one of ==, !=, in, matches, contains is expected');
    }
  }
  function readList(): readonly string[] {
    need('[');
    const values = [readText('a value')];
    while (takes('sign', ',')) values.push(readText('a value'));
    need(']');
    return values;
  }
  function matches(path: readonly string[]): Condition {
    const { place } = peek();
    const pattern = parseClaimPattern(readText('a pattern'));
    if (!pattern.ok) throw new Refusal(place, `the pattern ${pattern.problem}`);
    return valueIs(path, pattern.value);
  }

  const condition = readEither(0);
  if (peek().kind !== 'end') throw new Refusal(peek().place, 'and, or or the end is expected');
  return condition;
}

function equals(path: readonly string[], values: readonly string[]): Condition {
  const wanted = new Set(values);
  return valueIs(path, (text) => wanted.has(text));
}
