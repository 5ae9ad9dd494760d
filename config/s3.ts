// The `storage.s3` section: which bucket, how it is reached, how objects are written. Keys, units and defaults are those of
// the `registry` image.
import { z } from 'zod';
import { headerValue, parseBaseUrl } from './network.ts';
import { bytes, flag, integer, oneOf, parsed, text } from './scalars.ts';

const MIB = 1024 * 1024;
/** No part of a multipart upload may be smaller, but the last one: a rule of S3. */
const LEAST_PART = 5 * MIB;
/** No part may be larger: a rule of S3. */
const MOST_PART = 5 * 1024 * MIB;

/** What a region of Amazon is called. Other stores call theirs as they like. */
const REGION = /^[a-z]+(?:-[a-z]+)+-\d+$/;

/** What the S3 driver has to know: its own settings, under the same names. */
export type S3Settings = z.output<typeof s3Schema>;

export const s3Schema = z
  .strictObject({
    bucket: text('the name of a bucket').describe('The bucket that everything is kept in. It has to exist.'),
    region: text('the name of a region')
      .optional()
      .describe('The region of the bucket, such as eu-central-1. Needed unless regionendpoint is given.'),
    regionendpoint: parsed(
      parseEndpoint,
      'an http or https URL or host:port, without user, query and fragment',
    )
      .optional()
      .describe('Where an S3 store other than Amazon listens: a URL, or host:port.'),
    redirectendpoint: parsed(parseOrigin, 'an http or https URL or host:port, without path and query')
      .optional()
      .describe(
        'Where clients reach the store that they are redirected to, if not under regionendpoint: a URL, or host:port.',
      ),
    forcepathstyle: flag()
      .optional()
      .describe(
        'Whether the bucket is named in the path of a URL instead of its host. Not given: with regionendpoint.',
      ),
    accesskey: text()
      .optional()
      .describe("The access key. Not given, the environment, the files and the machine's role are asked."),
    secretkey: text().optional().describe('The secret of the access key.'),
    rootdirectory: text('the beginning of keys')
      .optional()
      .describe('What all keys in the bucket begin with. Not given: nothing.'),
    secure: flag()
      .default(true)
      .describe('Whether TLS is used, for a regionendpoint that does not say http: or https: itself.'),
    skipverify: flag().default(false).describe('Whether any certificate of the store is taken.'),
    v4auth: flag()
      .refine((on) => on, 'must be true: signatures of version 2 are not offered by Berth')
      .default(true)
      .describe('Whether requests are signed by version 4. Nothing else is possible.'),
    encrypt: flag().default(false).describe('Whether the store is asked to encrypt what it keeps.'),
    keyid: text().optional().describe('The KMS key to encrypt with. Not given: a key of the store.'),
    storageclass: oneOf(
      'NONE',
      'STANDARD',
      'REDUCED_REDUNDANCY',
      'STANDARD_IA',
      'ONEZONE_IA',
      'INTELLIGENT_TIERING',
      'OUTPOSTS',
      'GLACIER_IR',
      'EXPRESS_ONEZONE',
    )
      .default('STANDARD')
      .describe('The storage class of new objects. NONE names none, for stores that know no classes.'),
    objectacl: oneOf(
      'private',
      'public-read',
      'public-read-write',
      'authenticated-read',
      'aws-exec-read',
      'bucket-owner-read',
      'bucket-owner-full-control',
    )
      .default('private')
      .describe('The canned ACL of new objects.'),
    chunksize: bytes(LEAST_PART, MOST_PART)
      .default(10 * MIB)
      .describe('The length of the parts of an upload, in bytes.'),
    multipartcopychunksize: bytes(LEAST_PART, MOST_PART)
      .default(32 * MIB)
      .describe('The length of the parts of a copy, in bytes.'),
    multipartcopymaxconcurrency: integer(1)
      .default(100)
      .describe('How many parts of a copy are made at the same time.'),
    multipartcopythresholdsize: bytes(0, MOST_PART)
      .optional()
      .describe('The longest object that is copied in one piece, in bytes. Not given, the driver decides.'),
    useragent: headerValue().optional().describe('Said in the header User-Agent of requests to the store.'),
    usedualstack: flag()
      .default(false)
      .describe('Whether the endpoints of Amazon for IPv4 and IPv6 are used.'),
    accelerate: flag().default(false).describe('Whether the Transfer Acceleration of Amazon is used.'),
    usefipsendpoint: flag().default(false).describe('Whether the FIPS endpoints of Amazon are used.'),
  })
  .superRefine(checkTogether, { when: () => true })
  .transform(({ v4auth: _always, forcepathstyle, ...settings }) => ({
    ...settings,
    // Version 3 of the image has false here in any case, which few stores but Amazon understand; version 2 has this.
    forcepathstyle: forcepathstyle ?? settings.regionendpoint !== undefined,
  }));

/** What is wrong with settings that are each good by themselves. Runs beside other problems, so only asks what is given. */
function checkTogether(
  { region, regionendpoint, accesskey, secretkey, ...more }: Readonly<Record<string, unknown>>,
  context: z.RefinementCtx,
): void {
  const refuse = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
  const own = regionendpoint !== undefined;
  if (!own && region === undefined) {
    refuse('region', 'is missing; it must be a region such as eu-central-1, or regionendpoint must be given');
  }
  if (!own && typeof region === 'string' && !REGION.test(region)) {
    refuse('region', 'must be a region of Amazon such as eu-central-1, since regionendpoint is not given');
  }
  if ((accesskey === undefined) !== (secretkey === undefined)) {
    refuse(
      accesskey === undefined ? 'accesskey' : 'secretkey',
      'is missing; accesskey and secretkey are given together or not at all',
    );
  }
  for (const key of ['usedualstack', 'accelerate', 'usefipsendpoint']) {
    if (own && more[key] === true) refuse(key, 'must be false with regionendpoint: it is for Amazon alone');
  }
  if (!own && more['accelerate'] === true) {
    const other = ['forcepathstyle', 'usefipsendpoint'].find((key) => more[key] === true);
    if (other !== undefined) refuse('accelerate', `must be false with ${other}: Amazon does not have both`);
  }
}

/** A URL, or what stands in it behind `https://`; without a slash at its end. */
function parseEndpoint(value: string): string | undefined {
  if (value.includes('://')) return parseBaseUrl(value);
  return parseBaseUrl(`https://${value}`) === undefined ? undefined : value.replace(/\/+$/, '');
}

function parseOrigin(value: string): string | undefined {
  const endpoint = parseEndpoint(value);
  return endpoint?.replace(/^https?:\/\//, '').includes('/') ? undefined : endpoint;
}
