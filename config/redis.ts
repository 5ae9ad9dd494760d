// The `redis` section, in the spellings of both versions of the `registry` image. What comes out has one form.
import { z } from 'zod';
import { type RemoteAddress, remoteAddress } from './network.ts';
import { duration, flag, integer, parsed, parseInteger, text } from './scalars.ts';

/** How Redis is reached. Times are in milliseconds. */
export interface RedisSettings {
  /** At least one: of the server itself, of some nodes of the cluster, or of the sentinels. */
  readonly addresses: readonly RemoteAddress[];
  readonly mode: 'single' | 'sentinel' | 'cluster';
  /** The name that the sentinels have for the server. Given exactly in the mode `sentinel`. */
  readonly mastername?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly sentinelusername?: string | undefined;
  readonly sentinelpassword?: string | undefined;
  /** Means nothing in a cluster. */
  readonly db: number;
  /** Without it the connection is not encrypted. */
  readonly tls?: RedisTls | undefined;
  readonly dialtimeout: number;
  readonly readtimeout: number;
  readonly writetimeout: number;
  /** How often a command is tried again; 0: never. */
  readonly maxretries: number;
  readonly keyprefix: string;
}

/** Paths of PEM files. */
export interface RedisTls {
  /** The client's certificate; given together with its key or not at all. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** Who may have signed the certificate of the server. Empty: whom the system trusts. */
  readonly rootcas: readonly string[];
}

/**
 * The least that a wait for Redis lasts. The image's documentation shows 10ms, which does for a mere cache; here uploads
 * depend on the answer, and a process that is busy for a moment reads it late.
 */
const LEAST_WAIT = 1_000;

const tlsSchema = z
  .strictObject({
    enabled: flag()
      .optional()
      .describe('Whether the connection to Redis is encrypted. Not given: when there is one of these files.'),
    certificate: text('the path of a file').optional().describe('The certificate that is shown to Redis.'),
    key: text('the path of a file').optional().describe('The key of that certificate.'),
    rootcas: z
      .array(text('the path of a file'))
      .default([])
      .describe('Files with the authorities that may have signed the certificate of Redis.'),
  })
  .superRefine(checkTls, { when: () => true })
  .transform(({ enabled, ...files }): RedisTls | undefined => {
    const encrypted = enabled ?? (files.certificate !== undefined || files.rootcas.length > 0);
    return encrypted ? files : undefined;
  });

/** Gives nothing when no address is given, as the image does without Redis then. */
export const redisSchema = z
  .strictObject({
    addrs: z
      .array(remoteAddress())
      .default([])
      .describe('Where Redis listens, each as host:port. More than one is a cluster.'),
    addr: remoteAddress().optional().describe('The same for one address, as version 2 of the image has it.'),
    isclustermode: flag().default(false).describe('Whether a single address is that of a cluster.'),
    mastername: text()
      .optional()
      .describe(
        'The name that sentinels have for the server. Given, the addresses are those of the sentinels.',
      ),
    username: text().optional().describe('The user of Redis.'),
    password: text().optional().describe('The password of that user, or of everybody.'),
    sentinelusername: text().optional().describe('The user of the sentinels.'),
    sentinelpassword: text().optional().describe('The password of that user at the sentinels.'),
    db: integer(0).default(0).describe('The number of the database. A cluster has only one.'),
    keyprefix: text()
      .default('berth:')
      .describe(
        'What all keys in Redis begin with. Registries that do not share a store need different ones.',
      ),
    dialtimeout: wait(5_000).describe('How long a connection may take to open. A length of time.'),
    readtimeout: wait(3_000).describe('How long an answer is waited for. A length of time.'),
    writetimeout: wait(3_000).describe('How long a command may take to be sent. A length of time.'),
    maxretries: parsed(parseRetries, 'a whole number of at least -1')
      .default(3)
      .describe('How often a command that failed is tried again. -1: never.'),
    tls: tlsSchema.prefault({}),
  })
  .transform(({ addrs, addr, isclustermode, ...settings }): RedisSettings | undefined => {
    const addresses = addrs.length === 0 && addr !== undefined ? [addr] : addrs;
    if (addresses.length === 0) return undefined;
    const cluster = isclustermode || addresses.length > 1;
    const mode = settings.mastername !== undefined ? 'sentinel' : cluster ? 'cluster' : 'single';
    return { addresses, mode, ...settings };
  });

/** As long as Redis is waited for, in milliseconds, where 0 stands for the default, as in version 3 of the image. */
function wait(fallback: number) {
  return duration()
    .transform((value) => (value === 0 ? fallback : Math.min(Math.max(value, LEAST_WAIT), 2 ** 31 - 1)))
    .default(fallback);
}

/** As go-redis has it: 0 stands for the default, -1 for never. */
function parseRetries(value: string): number | undefined {
  const count = parseInteger(value);
  if (count === undefined || count < -1) return undefined;
  return count === 0 ? 3 : Math.max(count, 0);
}

/** What is wrong with settings that are each good by themselves. Runs beside other problems, so only asks what is given. */
function checkTls(
  { enabled, certificate, key, rootcas }: Readonly<Record<string, unknown>>,
  context: z.RefinementCtx,
): void {
  const refuse = (name: string, message: string) =>
    context.addIssue({ code: 'custom', path: [name], message });
  if ((certificate === undefined) !== (key === undefined)) {
    refuse(
      certificate === undefined ? 'certificate' : 'key',
      'is missing; certificate and key are given together or not at all',
    );
  }
  const files =
    certificate !== undefined || key !== undefined || (Array.isArray(rootcas) && rootcas.length > 0);
  if (enabled === false && files)
    refuse('enabled', 'must be true or not given, since there are files for TLS');
}
