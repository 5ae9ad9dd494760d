// The connection to Redis, and the few words that are spoken over it. Redis is where replicas agree on who writes what; it is
// never where anything is kept that could not be lost.
import { Cluster, Redis } from 'ioredis';
import { RegistryError } from '../registry/errors.ts';
import { RedisRefusedError } from './coordination.ts';

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
  /** Options of node:tls; absent for a plain connection. */
  readonly tls?: { readonly ca?: string[]; readonly cert?: string; readonly key?: string } | undefined;
  /** How long an answer is waited for, in milliseconds. */
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
}

export interface RedisStore {
  /**
   * Runs a script in one step. All keys have to hold the same `{tag}`, as a cluster wants it. Throws `unavailable` when Redis
   * does not answer in time, is full or refuses.
   */
  run(script: RedisScript, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown>;
  /**
   * Resolves to whether Redis is there, as soon as that is known, and to false after the time for a connection. Throws
   * RedisRefusedError if Redis does not accept the credentials.
   */
  firstContact(): Promise<boolean>;
  /** Hears of connections that fail and come back. */
  onChange(listener: (state: 'up' | 'down', error?: Error) => void): void;
  close(): Promise<void>;
}

/** A Lua script, by the name under which its compiled form is asked for. */
export interface RedisScript {
  readonly name: string;
  readonly lua: string;
}

/** Tries to connect, and goes on trying; until then every call is refused at once. */
export function connectRedis(settings: RedisSettings): RedisStore {
  const client = settings.mode === 'cluster' ? openCluster(settings) : openSingle(settings);
  let state: 'up' | 'down' = 'down';
  let lastError: Error | undefined;
  const listeners: ((state: 'up' | 'down', error?: Error) => void)[] = [];
  const change = (next: 'up' | 'down') => {
    if (next === state) return;
    state = next;
    for (const listener of listeners) listener(next, next === 'down' ? lastError : undefined);
  };
  client.on('error', (error: Error) => {
    lastError = error;
  });
  client.on('ready', () => change('up'));
  client.on('close', () => change('down'));

  return {
    run: (script, keys, values) =>
      orUnavailable(client.eval(script.lua, keys.length, ...keys, ...values.map(String))),
    firstContact: () => firstContact(client, settings.connectTimeoutMs),
    onChange: (listener) => void listeners.push(listener),
    async close() {
      client.disconnect();
    },
  };
}

function firstContact(client: Redis | Cluster, limitMs: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(false), limitMs);
    const end = (settle: () => void) => {
      clearTimeout(timer);
      settle();
    };
    client.once('ready', () => end(() => resolve(true)));
    client.on('error', (error: Error) => {
      if (!/WRONGPASS|NOAUTH|NOPERM|invalid password/.test(describe(error))) return;
      end(() => reject(new RedisRefusedError(describe(error), { cause: error })));
    });
  });
}

/** What a cluster says is in the last of its nodes' errors. */
function describe(error: Error): string {
  const last =
    'lastNodeError' in error && error.lastNodeError instanceof Error ? error.lastNodeError.message : '';
  return last === '' ? error.message : last;
}

async function orUnavailable<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new RegistryError('unavailable', { cause: error });
  }
}

function commonOptions(settings: RedisSettings) {
  const { username, password, keyprefix, tls, commandTimeoutMs, connectTimeoutMs } = settings;
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls !== undefined && { tls }),
    keyPrefix: keyprefix,
    commandTimeout: commandTimeoutMs,
    connectTimeout: connectTimeoutMs,
    // Whoever asks while Redis is away hears so at once (enableOfflineQueue), and tries again later.
    maxRetriesPerRequest: 1,
    autoResendUnfulfilledCommands: false,
  };
}

function openSingle(settings: RedisSettings): Redis {
  const { mode, addresses, mastername, sentinelusername, sentinelpassword, db } = settings;
  const common = { ...commonOptions(settings), db, enableOfflineQueue: false, retryStrategy: pauseBefore };
  if (mode === 'sentinel') {
    return new Redis({
      ...common,
      sentinels: addresses.map((address) => ({ ...address })),
      name: mastername ?? 'mymaster',
      ...(sentinelusername !== undefined && { sentinelUsername: sentinelusername }),
      ...(sentinelpassword !== undefined && { sentinelPassword: sentinelpassword }),
      ...(settings.tls !== undefined && { enableTLSForSentinelMode: true, sentinelTLS: settings.tls }),
    });
  }
  const [address] = addresses;
  if (address === undefined) throw new TypeError('redis has no address');
  return new Redis({ ...common, host: address.host, port: address.port });
}

function openCluster(settings: RedisSettings): Cluster {
  return new Cluster([...settings.addresses], {
    enableOfflineQueue: false,
    redisOptions: commonOptions(settings),
    clusterRetryStrategy: pauseBefore,
  });
}

/** Milliseconds before the given attempt to connect again. */
function pauseBefore(attempt: number): number {
  return Math.min(100 * attempt, 2_000);
}
