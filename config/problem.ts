// What can be said about a setting: where it was given and what is wrong with it. A value is never quoted, since it may be
// a secret; only keys, places and what is allowed are.

/** Where a setting was given. `caller` is the program that loads the configuration. */
export type Origin =
  | { readonly kind: 'file'; readonly path: string; readonly line: number }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'caller' };

/** Something to say about one setting. An empty `key` means the source as a whole. */
export interface Finding {
  readonly key: string;
  readonly origin?: Origin | undefined;
  readonly text: string;
}

/** The configuration cannot be used. The message has every problem in it, one on a line; none contains a value. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions) {
    const head = problems.length === 1 ? 'The configuration has a problem' : 'The configuration has problems';
    super([`${head}:`, ...problems.map((problem) => `  ${problem}`)].join('\n'), options);
    this.problems = problems;
  }
}

/** One line for people: `http.addr (/etc/berth/config.yml:7): must be …`. */
export function describeFinding(finding: Finding): string {
  const place = finding.origin === undefined ? '' : describeOrigin(finding.origin);
  if (finding.key === '') return place === '' ? finding.text : `${place}: ${finding.text}`;
  return place === '' ? `${finding.key}: ${finding.text}` : `${finding.key} (${place}): ${finding.text}`;
}

/** `/etc/berth/config.yml:7`, the name of a variable, or nothing for the caller. */
export function describeOrigin(origin: Origin): string {
  if (origin.kind === 'file') return `${origin.path}:${origin.line}`;
  return origin.kind === 'variable' ? origin.name : '';
}

/**
 * A key as it may be shown. Everything from the first unusual character on is left out: `secret:abc` in a YAML flow map is
 * a key, and its author meant a value.
 */
export function showKey(key: string): string {
  const plain = /^[A-Za-z0-9_-]{0,40}/.exec(key)?.[0] ?? '';
  return plain === key && key !== '' ? key : `${plain}…`;
}
