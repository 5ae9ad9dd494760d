// What the load process is asked for, and what it says when it is done: plain JSON over the channel between the two.
import { z } from 'zod';

/** A bucket that the AWS SDK talks to instead of a registry at `url`. */
const bucket = z
  .object({
    endpoint: z.string(),
    region: z.string(),
    accessKey: z.string(),
    secretKey: z.string(),
    bucket: z.string(),
  })
  .optional();

const jobSchema = z.discriminatedUnion('kind', [
  /** `streams` blobs of `size` bytes each, all at once, each on its own connection. */
  z.object({
    kind: z.literal('push'),
    url: z.string(),
    repository: z.string(),
    seed: z.string(),
    streams: z.int().min(1),
    size: z.int().min(1),
    bucket,
  }),
  /** These blobs of `size` bytes each, all at once, each on its own connection. */
  z.object({
    kind: z.literal('pull'),
    url: z.string(),
    repository: z.string(),
    digests: z.array(z.string()),
    size: z.int().min(1),
    bucket,
  }),
  /** Small images, each new, from `atOnce` clients that each have a repository of their own below `repository`. */
  z.object({
    kind: z.literal('images'),
    url: z.string(),
    repository: z.string(),
    tag: z.string(),
    count: z.int().min(1),
    atOnce: z.int().min(1),
  }),
  /** One small image under each of the tags. Gives the digests of its manifest and of a blob of `blobSize` bytes. */
  z.object({
    kind: z.literal('tags'),
    url: z.string(),
    repository: z.string(),
    tags: z.array(z.string()),
    blobSize: z.int().min(1),
  }),
  /** Pulls one blob and hashes it. */
  z.object({
    kind: z.literal('verify'),
    url: z.string(),
    repository: z.string(),
    digest: z.string(),
    bucket,
  }),
]);

const resultSchema = z.union([
  z.object({ seconds: z.number(), digests: z.array(z.string()) }),
  z.object({ problem: z.string() }),
]);

export type Job = z.infer<typeof jobSchema>;
export type JobOf<Kind extends Job['kind']> = Extract<Job, { kind: Kind }>;

/** `seconds`: from the first byte sent to the last answer; making the content is not in it. */
export interface Done {
  readonly seconds: number;
  readonly digests: readonly string[];
}

export type Result = Done | { readonly problem: string };

/** Throws a ZodError. */
export function parseJob(message: unknown): Job {
  return jobSchema.parse(message);
}

/** Throws a ZodError. */
export function parseResult(message: unknown): Result {
  return resultSchema.parse(message);
}
