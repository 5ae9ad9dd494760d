// Regular expressions as settings.
import { z } from 'zod';
import { parsed } from './scalars.ts';

/** A list of regular expressions in the part of the language that Go and JavaScript share. They match anywhere in a text. */
export function patterns() {
  const allowed = 'a regular expression that means the same in Go and JavaScript (no \\A, \\z, [[:class:]])';
  return z.array(parsed(parsePattern, allowed)).default([]);
}

/**
 * Go's regular expressions are those of the `registry` image. JavaScript's Unicode mode refuses the spellings that only Go
 * knows instead of matching something else, which matters for a list of what is not allowed. A leading `(?i)` is understood.
 */
function parsePattern(pattern: string): RegExp | undefined {
  const [prefix = ''] = /^\(\?i\)/.exec(pattern) ?? [];
  try {
    return new RegExp(pattern.slice(prefix.length), prefix === '' ? 'u' : 'iu');
  } catch {
    return undefined;
  }
}
