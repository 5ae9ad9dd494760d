// The `storage` section: one driver, and what is done with what it stores.
import { z } from 'zod';
import { countOrDefault, duration, flag, positiveTimer, text } from './scalars.ts';

const HOUR = 3_600_000;
const DEFAULT_ROOT_DIRECTORY = '/var/lib/registry';

/** The storage driver that was chosen, and its parameters. */
export type StorageDriverChoice =
  | { readonly name: 'filesystem'; readonly rootdirectory: string }
  | { readonly name: 'inmemory' };

/** In the result the driver's own section has become `driver`, so that one `switch` on `driver.name` knows its parameters. */
export const storageSchema = z
  .strictObject({
    filesystem: z
      .strictObject({
        rootdirectory: text('the path of a directory')
          .default(DEFAULT_ROOT_DIRECTORY)
          .describe('The directory that everything is kept under.'),
      })
      .optional()
      .describe('Keeps everything in a directory. The driver that is used when none is named.'),
    inmemory: z
      .strictObject({})
      .optional()
      .describe('Keeps everything in memory, until the server stops. For trying things out.'),
    delete: z
      .strictObject({
        enabled: flag().default(false).describe('Whether manifests, tags and blobs may be deleted.'),
      })
      .prefault({}),
    maintenance: z
      .strictObject({
        uploadpurging: z
          .strictObject({
            enabled: flag().default(true).describe('Whether uploads that were never finished are removed.'),
            age: duration()
              .default(168 * HOUR)
              .describe('How old an unfinished upload has to be to go. A length of time.'),
            interval: positiveTimer()
              .default(24 * HOUR)
              .describe('How often they are looked for. A length of time.'),
            dryrun: flag().default(false).describe('Whether they are only logged, not removed.'),
          })
          .prefault({}),
        readonly: z
          .strictObject({
            enabled: flag()
              .default(false)
              .describe('Whether everything that would change the store is refused.'),
          })
          .prefault({}),
      })
      .prefault({}),
    tag: z
      .strictObject({
        concurrencylimit: countOrDefault(8).describe(
          'How many tags of a repository are read at the same time.',
        ),
      })
      .prefault({}),
  })
  .superRefine((storage, context) => {
    if (storage.filesystem === undefined || storage.inmemory === undefined) return;
    context.addIssue({
      code: 'custom',
      message: 'names two drivers, filesystem and inmemory; exactly one is possible',
    });
  })
  .transform(({ filesystem, inmemory, ...rest }) => ({
    driver: chooseDriver(filesystem, inmemory),
    ...rest,
  }));

function chooseDriver(
  filesystem: { rootdirectory: string } | undefined,
  inmemory: object | undefined,
): StorageDriverChoice {
  if (inmemory !== undefined) return { name: 'inmemory' };
  return { name: 'filesystem', rootdirectory: filesystem?.rootdirectory ?? DEFAULT_ROOT_DIRECTORY };
}
