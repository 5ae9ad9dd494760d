// Coordination over Redis, for as many replicas as there are.
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { type Coordination, RedisRefusedError } from './coordination.ts';
import { connectRedis, type ScriptListener } from './redis.ts';
import { createRedisLocks } from './redis-locks.ts';
import type { RedisSettings } from './redis-options.ts';
import { createRedisSessions } from './redis-sessions.ts';
import type { ConnectionState } from './redis-watch.ts';

export interface RedisCoordinationSettings
  extends Omit<RedisSettings, 'tls' | 'commandTimeoutMs' | 'connectTimeoutMs'> {
  /** Paths of PEM files. */
  readonly tls?: TlsFiles | undefined;
  /** How long an answer and a connection are waited for, in milliseconds. */
  readonly readtimeout: number;
  readonly dialtimeout: number;
}

/** Who wants to know how Redis is. Must not throw. */
export interface RedisListeners {
  readonly onScript?: ScriptListener | undefined;
  readonly onChange?: ((state: ConnectionState) => void) | undefined;
}

interface TlsFiles {
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly rootcas: readonly string[];
}

/** A replica that stands still for this long loses its locks. */
const LEASE_MS = 15_000;
const LOCK_WAIT_MS = 30_000;
/** Whoever uploads while Redis stands still is told within two seconds. */
const LONGEST_ANSWER_MS = 1_500;

/**
 * Connects to Redis and comes back when that has succeeded or has to wait: without Redis pulls go on, and uploads are refused
 * until it is there. Idle uploads are remembered for `uploadTtlMs` milliseconds. Throws RedisRefusedError if Redis does not
 * let this server in, or the files for TLS cannot be read.
 */
export async function createRedisCoordination(
  driver: StorageDriver,
  settings: RedisCoordinationSettings,
  uploadTtlMs: number,
  log: Logger,
  { onScript, onChange }: RedisListeners = {},
): Promise<Coordination> {
  const connection = {
    ...settings,
    tls: settings.tls && (await readTls(settings.tls)),
    commandTimeoutMs: Math.min(settings.readtimeout, LONGEST_ANSWER_MS),
    connectTimeoutMs: settings.dialtimeout,
  };
  const redis = connectRedis(connection, onScript);
  redis.onChange((state, error) => {
    onChange?.(state);
    if (state === 'up') log.info('Redis is there');
    else log.error({ err: error }, 'Redis is away: pulls go on, uploads are refused until it is back');
  });
  try {
    await redis.firstContact();
  } catch (error) {
    await redis.close();
    throw error;
  }
  return {
    locks: createRedisLocks(redis, { leaseMs: LEASE_MS, waitMs: LOCK_WAIT_MS }),
    sessions: createRedisSessions(driver, redis, { ttlMs: uploadTtlMs, doubtMs: LEASE_MS }),
    close: () => redis.close(),
  };
}

async function readTls({ certificate, key, rootcas }: TlsFiles) {
  return {
    ...(rootcas.length > 0 && { ca: await Promise.all(rootcas.map(readPem)) }),
    ...(certificate !== undefined && { cert: await readPem(certificate) }),
    ...(key !== undefined && { key: await readPem(key) }),
  };
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RedisRefusedError(`a file of redis.tls cannot be read: ${reason}`, { cause: error });
  }
}
