// The `validation` section: what a manifest may refer to.
import { z } from 'zod';
import { patterns } from './patterns.ts';
import { flag, oneOf, text } from './scalars.ts';

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
