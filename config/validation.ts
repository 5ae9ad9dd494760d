// The `validation` section: what a manifest may refer to.
import { z } from 'zod';
import { flag, oneOf, parsed, text } from './scalars.ts';

export const validationSchema = z.strictObject({
  disabled: flag().default(false).describe('Whether the checks of this section are left out.'),
  manifests: z
    .strictObject({
      urls: z
        .strictObject({
          allow: patterns().describe(
            'What the URL of a layer kept elsewhere has to match. Both lists empty: no such URL is taken.',
          ),
          deny: patterns().describe('What the URL of a layer kept elsewhere must not match.'),
        })
        .prefault({}),
      indexes: z
        .strictObject({
          platforms: oneOf('all', 'none', 'list')
            .default('all')
            .describe(
              'Which images of an index have to exist when it is pushed: all, none, or those of platformlist.',
            ),
          platformlist: z
            .array(
              z.strictObject({
                architecture: text().describe('The architecture, such as amd64.'),
                os: text().describe('The operating system, such as linux.'),
              }),
            )
            .default([])
            .describe('The platforms whose images have to exist, for platforms: list.'),
        })
        .prefault({}),
    })
    .prefault({}),
});

function patterns() {
  const allowed = 'a regular expression that means the same in Go and JavaScript (no \\A, \\z, [[:class:]])';
  return z.array(parsed(parsePattern, allowed)).default([]);
}

/**
 * Go's regular expressions are those of the `registry` image. JavaScript's Unicode mode refuses the spellings that only Go
 * knows instead of matching something else, which matters for `deny`. A leading `(?i)` is understood.
 */
function parsePattern(pattern: string): RegExp | undefined {
  const [prefix = ''] = /^\(\?i\)/.exec(pattern) ?? [];
  try {
    return new RegExp(pattern.slice(prefix.length), prefix === '' ? 'u' : 'iu');
  } catch {
    return undefined;
  }
}
