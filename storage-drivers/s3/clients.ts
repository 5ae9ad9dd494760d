// The SDK's clients, as this driver wants them: connections, timeouts, retries.
import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { createRetryStrategy } from './retries.ts';
import { endpointUrl, type S3Settings } from './settings.ts';

type RequestHandler = NonNullable<S3ClientConfig['requestHandler']>;

export interface Clients {
  /** For calls that are over when they resolve. */
  readonly calls: S3Client;
  /** For bodies that are read as slowly as whoever reads them likes. */
  readonly bodies: S3Client;
  /** Signs URLs for clients of the registry, and sends nothing. */
  readonly signer: S3Client;
}

const CONNECT_MS = 5_000;
/** The longest that a connection may be silent while an answer is waited for. */
export const SILENCE_MS = 30_000;
/** Kept for the next call when nobody uses them. */
const SPARE_CONNECTIONS = 128;

export function createClients(settings: S3Settings): Clients {
  const endpoint = settings.regionendpoint;
  const secure = settings.secure ?? true;
  const common = commonConfig(settings);
  const own = endpoint === undefined ? {} : { endpoint: endpointUrl(endpoint, secure) };
  const named = settings.redirectendpoint;
  const shown = named === undefined ? own : { endpoint: endpointUrl(named, secure), ...PLAIN_ENDPOINT };
  return {
    calls: new S3Client({
      ...common,
      ...own,
      requestHandler: handler(settings, { socketTimeout: SILENCE_MS }),
    }),
    bodies: new S3Client({
      ...common,
      ...own,
      requestHandler: handler(settings, { requestTimeout: SILENCE_MS, throwOnRequestTimeout: true }),
    }),
    signer: new S3Client({ ...common, ...shown }),
  };
}

/** What chooses among Amazon's own endpoints, and contradicts one that is named. */
const PLAIN_ENDPOINT = { useAccelerateEndpoint: false, useDualstackEndpoint: false, useFipsEndpoint: false };

function commonConfig(settings: S3Settings): S3ClientConfig {
  const { accesskey, secretkey, regionendpoint, useragent } = settings;
  return {
    // Stores that are not Amazon's take any region, but one has to be signed.
    region: settings.region ?? 'us-east-1',
    forcePathStyle: settings.forcepathstyle ?? regionendpoint !== undefined,
    useAccelerateEndpoint: settings.accelerate ?? false,
    useDualstackEndpoint: settings.usedualstack ?? false,
    useFipsEndpoint: settings.usefipsendpoint ?? false,
    // Many stores refuse the trailers that carry the SDK's own checksums. The signature covers every body anyway.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Some stores never say that they are ready for a body; and waiting for it costs a round trip for each part.
    expectContinueHeader: false,
    retryStrategy: createRetryStrategy(),
    ...(useragent && { customUserAgent: useragent }),
    ...(accesskey && secretkey && { credentials: { accessKeyId: accesskey, secretAccessKey: secretkey } }),
  };
}

/**
 * Without an upper limit of connections: a reader holds one for as long as its client takes, and must not keep others from
 * the store. Whoever lets the clients in bounds them.
 */
function handler({ skipverify }: S3Settings, timeouts: Timeouts): RequestHandler {
  const pool = { keepAlive: true, maxFreeSockets: SPARE_CONNECTIONS, noDelay: true };
  return {
    connectionTimeout: CONNECT_MS,
    ...timeouts,
    httpAgent: new Agent(pool),
    httpsAgent: new TlsAgent({ ...pool, rejectUnauthorized: skipverify !== true }),
  };
}

interface Timeouts {
  /** The longest silence in milliseconds, of the answer's body too. */
  readonly socketTimeout?: number;
  /** The longest wait for the answer's headers in milliseconds. */
  readonly requestTimeout?: number;
  readonly throwOnRequestTimeout?: boolean;
}
