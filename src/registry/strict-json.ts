// JSON with one reading. Two parsers may disagree on a repeated key, a number beyond all bounds or broken UTF-8; bytes that
// are named by a digest must mean the same to everybody (GHSA-qq97-vm5h-rrhg).

/** Deeper than any manifest, shallower than any stack. */
const MAX_DEPTH = 100;

/** Parses UTF-8 JSON. Throws SyntaxError for what is not JSON, and for what is but could be read in two ways. */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  const value: unknown = JSON.parse(text);
  refuseAmbiguity(text);
  return value;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new SyntaxError('not UTF-8', { cause: error });
  }
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|-?\d[-+.\deE]*/g;

/** Walks over text that is known to be well-formed JSON. */
function refuseAmbiguity(text: string): void {
  /** The keys seen in each open object; `undefined` for an open array. */
  const open: (Set<string> | undefined)[] = [];
  let keyExpected = false;
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') {
      if (open.length === MAX_DEPTH) throw new SyntaxError(`nested deeper than ${MAX_DEPTH}`);
      open.push(token === '{' ? new Set() : undefined);
      keyExpected = token === '{';
    } else if (token === '}' || token === ']') {
      open.pop();
      keyExpected = false;
    } else if (token === ',') {
      keyExpected = open.at(-1) !== undefined;
    } else if (token === ':') {
      keyExpected = false;
    } else if (token.startsWith('"')) {
      if (keyExpected) addKey(open.at(-1), token);
    } else if (!Number.isFinite(Number(token))) {
      throw new SyntaxError(`number out of range: ${token.slice(0, 40)}`);
    }
  }
}

function addKey(keys: Set<string> | undefined, token: string): void {
  const key = String(JSON.parse(token));
  if (keys?.has(key)) throw new SyntaxError(`key ${JSON.stringify(key.slice(0, 100))} is there twice`);
  keys?.add(key);
}
