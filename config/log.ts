// The `log` section.
import { z } from 'zod';
import { flag, oneOf, text } from './scalars.ts';

export const logSchema = z.strictObject({
  level: oneOf('error', 'warn', 'info', 'debug')
    .default('info')
    .describe('The least serious thing that is logged. The old top-level name is loglevel.'),
  formatter: oneOf('text', 'json', 'logstash')
    .optional()
    .describe('The form of a log line. Not given: readable on a terminal, JSON otherwise.'),
  fields: z
    .record(z.string(), text())
    .default({})
    .describe('Fields that are added to every log line: name and text.'),
  accesslog: z
    .strictObject({
      disabled: flag().default(false).describe('Whether requests are left out of the log.'),
      format: oneOf('combined')
        .optional()
        .describe(
          'The form of the lines for requests, where it is to be another one: combined, as Apache has it. Not given: that of the others.',
        ),
    })
    .prefault({}),
});
