// Coordination over a Redis of the test, with the settings that a configuration would have.
import { pino } from 'pino';
import type { Coordination } from '../../src/sessions/coordination.ts';
import { connectRedis, type RedisStore } from '../../src/sessions/redis.ts';
import {
  createRedisCoordination,
  type RedisCoordinationSettings,
} from '../../src/sessions/redis-coordination.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import type { Cleaner } from './processes.ts';

export const UPLOAD_TTL_MS = 168 * 60 * 60 * 1000;

/** What a configuration with nothing but an address has. */
export function settingsOf(
  ports: readonly number[],
  more: Partial<RedisCoordinationSettings> = {},
): RedisCoordinationSettings {
  return {
    mode: 'single',
    addresses: ports.map((port) => ({ host: '127.0.0.1', port })),
    db: 0,
    keyprefix: 'berth:',
    readtimeout: 3_000,
    dialtimeout: 5_000,
    ...more,
  };
}

/** A connection that is there, closed at the end of the test. */
export async function openRedis(cleaner: Cleaner, port: number): Promise<RedisStore> {
  const redis = connectRedis({
    ...settingsOf([port]),
    tls: undefined,
    commandTimeoutMs: 1_500,
    connectTimeoutMs: 5_000,
  });
  cleaner.after(() => redis.close());
  await redis.firstContact();
  return redis;
}

/** Coordinates as a server with these settings would; ends with the test. `logLines` are what it says. */
export async function coordinate(
  cleaner: Cleaner,
  driver: StorageDriver,
  settings: RedisCoordinationSettings,
): Promise<Coordination & { readonly logLines: readonly string[] }> {
  const logLines: string[] = [];
  const log = pino({}, { write: (line: string) => void logLines.push(line) });
  const coordination = await createRedisCoordination(driver, settings, UPLOAD_TTL_MS, log);
  cleaner.after(() => coordination.close());
  return { ...coordination, logLines };
}
