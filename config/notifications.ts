// The `notifications` section: who is told of pushes and pulls.
import { z } from 'zod';
import { headers, parseHttpUrl } from './network.ts';
import { countOrDefault, flag, integer, oneOf, parsed, text, timerOrDefault } from './scalars.ts';

const endpointSchema = z
  .strictObject({
    name: text()
      .optional()
      .describe(
        'The name under which the log and the store know the endpoint. Not given: the host of the URL.',
      ),
    disabled: flag().default(false).describe('Whether the endpoint is left out.'),
    url: parsed((value) => parseHttpUrl(value)?.href, 'an http or https URL').describe(
      'Where events are sent, with POST. Redirects are not followed.',
    ),
    headers: headers().describe('Headers of these requests: name and list of values.'),
    timeout: timerOrDefault(1_000).describe('How long one attempt may take. A length of time.'),
    threshold: countOrDefault(10).describe('How many failures in a row are said in the log.'),
    backoff: timerOrDefault(1_000).describe(
      'How long it takes to the first repetition; each further one waits twice as long, up to a minute. A length of time.',
    ),
    ignoredmediatypes: words('Media types whose events are not sent. The older name of ignore.mediatypes.'),
    ignore: z
      .strictObject({
        mediatypes: words('Media types whose events are not sent.'),
        actions: z
          .array(oneOf('push', 'pull', 'mount', 'delete'))
          .default([])
          .describe('Actions whose events are not sent: push, pull, mount or delete.'),
      })
      .prefault({}),
    format: oneOf('v2', 'v1', 'cloudevents')
      .default('v2')
      .describe(
        'The form of the events: v2 or v1, as version 3 or 2 of the registry image sends them, or cloudevents.',
      ),
    secret: text().optional().describe('Given, requests are signed with it: HMAC-SHA256 over time and body.'),
  })
  .transform(({ name, ignoredmediatypes, ignore, ...endpoint }) => ({
    ...endpoint,
    name: name ?? new URL(endpoint.url).host,
    ignore: { ...ignore, mediatypes: [...ignoredmediatypes, ...ignore.mediatypes] },
  }));

export const notificationsSchema = z.strictObject({
  events: z
    .strictObject({
      includereferences: flag()
        .default(false)
        .describe('Whether the event of a manifest names what the manifest refers to.'),
    })
    .prefault({}),
  durability: oneOf('relaxed', 'strict')
    .default('relaxed')
    .describe(
      'What a change waits for: relaxed, for nothing, so that a crash may lose the events of its last milliseconds; or strict, until its event is in the store.',
    ),
  maxevents: integer(1)
    .default(500_000)
    .describe(
      'Events that a server keeps at most, for those who were not told yet and to be told again for a day. The oldest ones go first.',
    ),
  endpoints: z
    .array(endpointSchema)
    .superRefine((endpoints, context) => {
      endpoints.forEach(({ name }, index) => {
        const first = endpoints.findIndex((other) => other.name === name);
        if (first !== index)
          context.addIssue({
            code: 'custom',
            path: [index, 'name'],
            message: 'must differ from that of every other endpoint',
          });
      });
    })
    .default([])
    .describe('Who is told of pushes, pulls, mounts and deletes.'),
});

function words(document: string) {
  return z.array(text()).default([]).describe(document);
}
