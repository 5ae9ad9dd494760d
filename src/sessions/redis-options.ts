// How the client of Redis is told to behave: whoever asks while Redis is away hears so at once, and a connection on which
// nothing comes any more is given up.
import type { ConnectionOptions } from 'node:tls';

export interface RedisSettings {
  readonly mode: 'single' | 'sentinel' | 'cluster';
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  readonly mastername?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly sentinelusername?: string | undefined;
  readonly sentinelpassword?: string | undefined;
  readonly db: number;
  /** What all keys begin with. */
  readonly keyprefix: string;
  /** Absent for a plain connection. */
  readonly tls?: Pick<ConnectionOptions, 'ca' | 'cert' | 'key'> | undefined;
  /** How long an answer is waited for, in milliseconds. */
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
}

export function singleOptions(settings: RedisSettings) {
  const [address] = settings.addresses;
  if (address === undefined) throw new TypeError('redis has no address');
  return { ...ofOneServer(settings), host: address.host, port: address.port };
}

export function sentinelOptions(settings: RedisSettings) {
  const { addresses, mastername, sentinelusername, sentinelpassword, commandTimeoutMs, tls } = settings;
  return {
    ...ofOneServer(settings),
    sentinels: addresses.map((address) => ({ ...address })),
    name: mastername ?? 'mymaster',
    sentinelRetryStrategy: pauseBefore,
    // A sentinel that takes the connection and says nothing must not keep the others from being asked.
    sentinelCommandTimeout: commandTimeoutMs,
    ...(sentinelusername !== undefined && { sentinelUsername: sentinelusername }),
    ...(sentinelpassword !== undefined && { sentinelPassword: sentinelpassword }),
    ...(tls !== undefined && { enableTLSForSentinelMode: true, sentinelTLS: tls }),
  };
}

export function clusterOptions(settings: RedisSettings) {
  return {
    enableOfflineQueue: false,
    redisOptions: ofEveryConnection(settings),
    clusterRetryStrategy: pauseBefore,
    slotsRefreshTimeout: settings.commandTimeoutMs,
    // A certificate is for a name, which the client would otherwise look up and connect without.
    ...(settings.tls !== undefined && {
      dnsLookup: (host: string, found: (error: null, address: string) => void) => found(null, host),
    }),
  };
}

function ofOneServer(settings: RedisSettings) {
  return {
    ...ofEveryConnection(settings),
    db: settings.db,
    enableOfflineQueue: false,
    retryStrategy: pauseBefore,
  };
}

function ofEveryConnection(settings: RedisSettings) {
  const { username, password, keyprefix, tls, commandTimeoutMs, connectTimeoutMs } = settings;
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls !== undefined && { tls }),
    keyPrefix: keyprefix,
    commandTimeout: commandTimeoutMs,
    socketTimeout: commandTimeoutMs,
    connectTimeout: connectTimeoutMs,
    // Also of a connection that is closed already, which a server that stops would wait for.
    disconnectTimeout: 200,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // A server that a failover made a replica: what has taken its place is found by connecting again.
    reconnectOnError: (error: Error) => error.message.includes('READONLY'),
  };
}

/** Milliseconds before the given attempt to connect again. */
function pauseBefore(attempt: number): number {
  return Math.min(100 * attempt, 2_000);
}
