// YAML text -> setting tree. Scalars stay as they were spelled, because a setting's type decides how its text is read:
// `secret: 0123` keeps its zero, and a quoted "true" is as good as a bare one. Bounded in size, depth and repetition.
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type ScalarTag,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import type { Finding, Origin } from './problem.ts';
import { showKey } from './problem.ts';
import type { SettingNode } from './setting-tree.ts';

export type ParsedYaml =
  | { readonly ok: true; readonly tree: SettingNode }
  | { readonly ok: false; readonly problems: readonly Finding[] };

/** Longest text in UTF-16 units. Real files have a few thousand. */
const MAX_TEXT_LENGTH = 1024 * 1024;
const MAX_DEPTH = 32;
/** Most values in a tree, repetitions by aliases counted. */
const MAX_NODES = 20_000;

/**
 * Reads one YAML document. `originOf` turns a line (from 1) into the place that its settings came from.
 *
 * Refused beside broken YAML: more than one document, a key given twice (as the `registry` image does), keys that are not
 * plain text, tags other than YAML's own for text, numbers and booleans, aliases that repeat without end.
 */
export function parseYaml(text: string, originOf: (line: number) => Origin): ParsedYaml {
  if (text.length > MAX_TEXT_LENGTH)
    return refusal(originOf(1), `is longer than ${MAX_TEXT_LENGTH} characters`);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: '1.1',
    schema: 'failsafe',
    customTags: (tags) => [...tags, ...textTags()],
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'error',
    lineCounter: lines,
  });
  const originAt = (offset: number): Origin => originOf(Math.max(1, lines.linePos(offset).line));

  const errors = [...document.errors, ...document.warnings];
  if (errors.length > 0) {
    return { ok: false, problems: errors.slice(0, 20).map((error) => describeYamlError(error, originAt)) };
  }
  try {
    return { ok: true, tree: createReader(originAt)(document.contents, 0, 0) };
  } catch (error) {
    if (error instanceof Refusal) return refusal(error.origin, error.message);
    throw error;
  }
}

type Reader = (node: Node | null | undefined, offset: number, depth: number) => SettingNode;

/** Thrown and caught in this file only. */
class Refusal extends Error {
  readonly origin: Origin;

  constructor(origin: Origin, message: string) {
    super(message);
    this.origin = origin;
  }
}

function createReader(originAt: (offset: number) => Origin): Reader {
  const anchors = new Map<string, Node>();
  let count = 0;

  function read(node: Node | null | undefined, fallback: number, depth: number): SettingNode {
    const offset = node?.range?.[0] ?? fallback;
    const origin = originAt(offset);
    count += 1;
    if (count > MAX_NODES) throw new Refusal(origin, `has more than ${MAX_NODES} values`);
    if (depth > MAX_DEPTH) throw new Refusal(origin, `is nested more than ${MAX_DEPTH} levels deep`);
    if (node === null || node === undefined) return { kind: 'nothing', origin };
    if (isAlias(node)) return read(resolve(node), offset, depth + 1);
    if ((isScalar(node) || isMap(node) || isSeq(node)) && node.anchor !== undefined) {
      anchors.set(node.anchor, node);
    }
    if (isMap(node)) return { kind: 'map', entries: readEntries(node, offset, depth), origin };
    if (isSeq<Node>(node)) {
      return { kind: 'list', items: node.items.map((item) => read(item, offset, depth + 1)), origin };
    }
    if (!isScalar(node))
      throw new Refusal(origin, 'has something that is neither a value nor a list nor a map');
    if (node.type === 'PLAIN' && isNullWord(node.source ?? '')) return { kind: 'nothing', origin };
    return { kind: 'text', text: String(node.value), origin };
  }

  function readEntries(map: YAMLMap, offset: number, depth: number): Map<string, SettingNode> {
    const entries = new Map<string, SettingNode>();
    const merged: SettingNode[] = [];
    for (const { key, value } of map.items as Pair<Node | null, Node | null>[]) {
      const place = key?.range?.[0] ?? offset;
      if (!isScalar(key) || typeof key.value !== 'string' || key.value === '') {
        throw new Refusal(originAt(place), 'has a key that is not plain text');
      }
      const child = read(value, place, depth + 1);
      if (key.value === '<<' && key.type === 'PLAIN') {
        merged.push(...(child.kind === 'list' ? child.items : [child]));
        continue;
      }
      if (entries.has(key.value))
        throw new Refusal(originAt(place), `has ${showKey(key.value)} twice in one map`);
      entries.set(key.value, withOrigin(child, originAt(place)));
    }
    for (const source of merged) {
      if (source.kind !== 'map') throw new Refusal(source.origin, 'merges (<<) something that is not a map');
      for (const [key, child] of source.entries) if (!entries.has(key)) entries.set(key, child);
    }
    return entries;
  }

  function resolve(alias: Alias): Node {
    const node = anchors.get(alias.source);
    if (node === undefined) {
      throw new Refusal(
        originAt(alias.range?.[0] ?? 0),
        'refers (*) to an anchor that is not defined before it',
      );
    }
    return node;
  }

  return read;
}

/** A setting is found where its key stands, also when its value begins on a later line. */
function withOrigin(node: SettingNode, origin: Origin): SettingNode {
  return { ...node, origin };
}

function isNullWord(source: string): boolean {
  return ['', '~', 'null', 'Null', 'NULL'].includes(source);
}

/** Tags that say what the setting knows anyway. */
function textTags(): ScalarTag[] {
  return ['int', 'float', 'bool'].map((name) => ({
    tag: `tag:yaml.org,2002:${name}`,
    resolve: (text: string) => text,
  }));
}

/** In our own words: the library's messages quote the text around the place, which may be a secret. */
function describeYamlError(error: YAMLError, originAt: (offset: number) => Origin): Finding {
  const texts: Partial<Record<YAMLError['code'], string>> = {
    BAD_DIRECTIVE: 'has a directive (%) that is not understood',
    BAD_DQ_ESCAPE: 'has an unknown escape (\\) in a double-quoted text',
    BAD_INDENT: 'is not indented as it should be here',
    BAD_SCALAR_START: 'has a text that begins with a reserved character; put it in quotes',
    BLOCK_AS_IMPLICIT_KEY:
      'has a map or list where a single value is possible; quote a text that contains ": "',
    MISSING_CHAR: 'lacks a character here: a closing quote or bracket, a colon or a comma',
    MULTIPLE_DOCS: 'has more than one document (---); only one is read',
    RESOURCE_EXHAUSTION: 'is nested too deeply',
    TAB_AS_INDENT: 'is indented with a tab; use spaces',
    TAG_RESOLVE_FAILED: 'has a tag (!) that is not understood',
  };
  return {
    key: '',
    origin: originAt(error.pos[0]),
    text: texts[error.code] ?? 'is not valid YAML here',
  };
}

function refusal(origin: Origin, text: string): ParsedYaml {
  return { ok: false, problems: [{ key: '', origin, text }] };
}
