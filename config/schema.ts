// Every setting that Berth has, by the key names of the `registry` image's config.yml: type, unit, default, one line of doc.
// default.yaml says the same for people; a test holds the two together.
import { z } from 'zod';
import { authSchema } from './auth.ts';
import { healthSchema } from './health.ts';
import { httpSchema } from './http.ts';
import { logSchema } from './log.ts';
import { notificationsSchema } from './notifications.ts';
import { redisSchema } from './redis.ts';
import { countOrDefault } from './scalars.ts';
import { storageSchema } from './storage.ts';
import { validationSchema } from './validation.ts';

/** Takes a tree of texts (numbers and booleans still as they were spelled), gives a `Configuration`. */
export const configurationSchema = z
  .strictObject({
    version: z.literal('0.1', { error: 'must be 0.1' }).describe('The version of the format of this file.'),
    log: logSchema.prefault({}),
    storage: storageSchema.prefault({}),
    auth: authSchema.prefault({}),
    http: httpSchema.prefault({}),
    redis: redisSchema.prefault({}),
    health: healthSchema.prefault({}),
    notifications: notificationsSchema.prefault({}),
    catalog: z
      .strictObject({
        maxentries: countOrDefault(1000).describe('The most repositories in one answer of the catalog.'),
      })
      .prefault({}),
    tags: z
      .strictObject({
        maxtags: countOrDefault(1000).describe(
          'The most tags in one answer of a tag list that asks for a number.',
        ),
      })
      .prefault({}),
    validation: validationSchema.prefault({}),
  })
  .superRefine(checkWorkers);

/** A configuration that was checked as a whole. Times are in milliseconds, sizes in bytes. */
export type Configuration = DeepReadonly<z.output<typeof configurationSchema>>;

/** Also where other problems were found, so nothing is sure to be there. */
function checkWorkers(
  { http, storage }: { readonly http?: { readonly workers?: unknown }; readonly storage?: object },
  context: z.RefinementCtx,
): void {
  const driver: unknown = storage !== undefined && 'driver' in storage ? storage.driver : undefined;
  if (Object(driver).name !== 'inmemory' || http?.workers === undefined || http.workers === 1) return;
  const message = 'must be 1 with storage.inmemory: each process would have a store of its own';
  context.addIssue({ code: 'custom', path: ['http', 'workers'], message });
}

type DeepReadonly<T> = T extends string | number | boolean | undefined | RegExp
  ? T
  : T extends readonly (infer Item)[]
    ? readonly DeepReadonly<Item>[]
    : { readonly [Key in keyof T]: DeepReadonly<T[Key]> };
