// Redis, where there is one.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface RedisMetrics {
  /** A script has ended: how long it took in seconds, and what it threw. */
  readonly onScript: (seconds: number, error?: unknown) => void;
  readonly onChange: (state: 'up' | 'down') => void;
}

export function createRedisMetrics(registry: Registry): RedisMetrics {
  const registers = [registry];
  const up = new Gauge({
    name: 'berth_redis_up',
    help: 'Whether there is a connection to Redis.',
    // Of several processes: whether all of them have one.
    aggregator: 'min',
    registers,
  });
  const outages = new Counter({
    name: 'berth_redis_outages_total',
    help: 'How often Redis went away.',
    registers,
  });
  const seconds = new Histogram({
    name: 'berth_redis_script_seconds',
    help: 'How long Redis took for a script.',
    registers,
  });
  const errors = new Counter({
    name: 'berth_redis_errors_total',
    help: 'Scripts that Redis refused or did not answer in time.',
    registers,
  });
  return {
    onScript(took, error) {
      seconds.observe(took);
      if (error !== undefined) errors.inc();
    },
    onChange(state) {
      up.set(state === 'up' ? 1 : 0);
      if (state === 'down') outages.inc();
    },
  };
}
