// The `storage` section: one driver, and what is done with what it stores.
import { z } from 'zod';
import { addressBlock } from './network.ts';
import { patterns } from './patterns.ts';
import { type S3Settings, s3Schema } from './s3.ts';
import { countOrDefault, duration, flag, positiveTimer, text } from './scalars.ts';

/** Whether pushes wait for the disk. */
type Durability = 'strict' | 'relaxed';

const HOUR = 3_600_000;
const DEFAULT_ROOT_DIRECTORY = '/var/lib/registry';

/** The storage driver that was chosen, and its parameters. That of S3 takes the choice as it is. */
export type StorageDriverChoice =
  | { readonly name: 'filesystem'; readonly rootdirectory: string; readonly durability: Durability }
  | ({ readonly name: 's3' } & S3Settings)
  | { readonly name: 'inmemory' };

/** In the result the driver's own section has become `driver`, so that one `switch` on `driver.name` knows its parameters. */
export const storageSchema = z
  .strictObject({
    filesystem: z
      .strictObject({
        rootdirectory: text('the path of a directory')
          .default(DEFAULT_ROOT_DIRECTORY)
          .describe('The directory that everything is kept under.'),
        durability: z
          .enum(['strict', 'relaxed'])
          .default('strict')
          .describe(
            'strict: what was answered is on the disk. relaxed: nothing waits for the disk, so that a power cut may take what was pushed in the last seconds before it, and a kill of the server still takes nothing. Wrong bytes are served in neither: what was spoiled is missing, and a push heals it.',
          ),
      })
      .optional()
      .describe('Keeps everything in a directory. The driver that is used when none is named.'),
    s3: s3Schema
      .optional()
      .describe('Keeps everything in a bucket of Amazon S3, or of another store that has its interface.'),
    s3aws: s3Schema.optional().describe('The other name of s3.'),
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
    redirect: z
      .strictObject({
        disable: flag()
          .default(false)
          .describe('Whether clients get blobs from the server itself where they could from the store.'),
        except: z
          .strictObject({
            useragents: patterns().describe('Clients that are never redirected, by their header User-Agent.'),
            networks: z
              .array(addressBlock())
              .default([])
              .describe('Clients that are never redirected, by their IP addresses and CIDR blocks.'),
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
  .superRefine(checkDrivers, { when: () => true })
  .transform(({ filesystem, s3, s3aws, inmemory, ...rest }) => ({
    driver: chooseDriver({ filesystem, s3: s3 ?? s3aws, inmemory }),
    ...rest,
  }));

/** Runs beside other problems, so only asks what is given. */
function checkDrivers(storage: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void {
  const named = ['filesystem', 's3', 's3aws', 'inmemory'].filter((name) => storage[name] !== undefined);
  if (named.length < 2) return;
  const count = named.length === 2 ? 'two' : named.length;
  const message = `names ${count} drivers, ${named.join(' and ')}; exactly one is possible`;
  context.addIssue({ code: 'custom', message });
}

interface DriverSections {
  readonly filesystem: { readonly rootdirectory: string; readonly durability: Durability } | undefined;
  readonly s3: S3Settings | undefined;
  readonly inmemory: object | undefined;
}

function chooseDriver({ filesystem, s3, inmemory }: DriverSections): StorageDriverChoice {
  if (inmemory !== undefined) return { name: 'inmemory' };
  if (s3 !== undefined) return { name: 's3', ...s3 };
  return { name: 'filesystem', rootdirectory: DEFAULT_ROOT_DIRECTORY, durability: 'strict', ...filesystem };
}
