// The connection to Redis, and the few words that are spoken over it. Redis is where replicas agree on who writes what; it is
// never where anything is kept that could not be lost.
import { Cluster, Redis } from 'ioredis';
import { RegistryError } from '../registry/errors.ts';
import { RedisRefusedError } from './coordination.ts';
import { clusterOptions, type RedisSettings, sentinelOptions, singleOptions } from './redis-options.ts';
import { explainRefusal } from './redis-refusal.ts';
import { type ChangeListener, type ConnectionState, watchConnection } from './redis-watch.ts';

export interface RedisStore {
  /**
   * Runs a script in one step. All keys have to hold the same `{tag}`, as a cluster wants it. Throws `unavailable` when Redis
   * does not answer in time, is full or refuses; it may have run the script even so.
   */
  run(script: RedisScript, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown>;
  /**
   * Resolves as soon as it is known whether Redis is there, at the latest after the time for a connection. Throws
   * RedisRefusedError if Redis does not let this server in, or is not what was configured.
   */
  firstContact(): Promise<ConnectionState>;
  /** Hears when Redis comes and goes. */
  onChange(listener: ChangeListener): void;
  /** Ends the connection, or the attempts to make one. What is under way is refused. */
  close(): Promise<void>;
}

/** Lua, with its keys in KEYS and its values, as texts, in ARGV. Redis keeps the compiled form. */
export type RedisScript = string;

/** Writes as the others do, so that what forbids that is known at the start. The key goes by itself. */
const PROBE: RedisScript = `return redis.call('SET', KEYS[1], '', 'PX', 1000)`;
/** So many that a node of a cluster that was taken for a single server has not got all of them. */
const PROBE_KEYS = Array.from({ length: 8 }, (_, number) => `{probe${number}}`);

/** Hears how long a script took, in seconds, and what it threw. Must not throw itself. */
export type ScriptListener = (seconds: number, error?: unknown) => void;

/** Tries to connect, and goes on trying; until then every call is refused at once. */
export function connectRedis(settings: RedisSettings, onScript?: ScriptListener): RedisStore {
  const client = openClient(settings);
  const watch = watchConnection(client);

  return {
    async run(script, keys, values) {
      const start = performance.now();
      try {
        const result = await client.eval(script, keys.length, ...keys, ...values.map(String));
        onScript?.((performance.now() - start) / 1000);
        return result;
      } catch (error) {
        onScript?.((performance.now() - start) / 1000, error);
        throw new RegistryError('unavailable', { cause: error });
      }
    },

    async firstContact() {
      const state = await watch.firstState(settings.connectTimeoutMs);
      if (state === 'up') await probe(client);
      return state;
    },

    onChange: watch.onChange,

    async close() {
      watch.end();
      client.disconnect();
    },
  };
}

function openClient(settings: RedisSettings): Redis | Cluster {
  if (settings.mode === 'single') return new Redis(singleOptions(settings));
  if (settings.mode === 'sentinel') return new Redis(sentinelOptions(settings));
  return new Cluster([...settings.addresses], clusterOptions(settings));
}

/** Throws RedisRefusedError. Every other failure, such as a Redis that is full, may be over when somebody uploads. */
async function probe(client: Redis | Cluster): Promise<void> {
  try {
    await Promise.all(PROBE_KEYS.map((key) => client.eval(PROBE, 1, key)));
  } catch (error) {
    const explanation = explainRefusal(error);
    if (explanation !== undefined) throw new RedisRefusedError(explanation, { cause: error });
  }
}
