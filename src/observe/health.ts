// Health checks: probes that run again and again, and say what is wrong while they fail (`health` in the configuration).
import { access } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Logger } from 'pino';
import { CheckFailedError, describeFailure } from './failure.ts';

export interface HealthCheck {
  readonly name: string;
  readonly intervalMs: number;
  /** Failures in a row before it counts. */
  readonly threshold: number;
  /** Resolves if all is well, throws if not. */
  readonly probe: (signal: AbortSignal) => Promise<void>;
}

export interface Health {
  /** Of all checks there are. */
  readonly names: readonly string[];
  /** The names of the checks that fail at the moment. */
  failing(): readonly string[];
  /** The same, with the reason of each, in words that may be told to everybody. */
  failures(): Readonly<Record<string, string>>;
  stop(): void;
}

/** @param onChange hears which checks fail, whenever that changes */
export function startHealthChecks(
  checks: readonly HealthCheck[],
  log: Logger,
  onChange?: (failing: readonly string[]) => void,
): Health {
  const failures = new Map<string, number>();
  const reasons = new Map<string, string>();
  const stopped = new AbortController();

  async function run(check: HealthCheck): Promise<void> {
    const before = failures.get(check.name) ?? 0;
    try {
      await check.probe(stopped.signal);
      failures.set(check.name, 0);
      if (before < check.threshold) return;
      log.info({ check: check.name }, 'healthy again');
      onChange?.(failing());
    } catch (error) {
      if (stopped.signal.aborted) return;
      failures.set(check.name, before + 1);
      reasons.set(check.name, describeFailure(error));
      if (before + 1 !== check.threshold) return;
      log.error({ check: check.name, err: error }, 'unhealthy');
      onChange?.(failing());
    }
  }

  const timers = new Set<NodeJS.Timeout>();
  /** One probe at a time: a slow one is not joined by others. */
  function schedule(check: HealthCheck): void {
    const timer = setTimeout(async () => {
      timers.delete(timer);
      await run(check);
      if (!stopped.signal.aborted) schedule(check);
    }, check.intervalMs);
    timer.unref();
    timers.add(timer);
  }
  for (const check of checks) schedule(check);

  const failing = () =>
    checks.filter((check) => (failures.get(check.name) ?? 0) >= check.threshold).map((check) => check.name);

  return {
    names: checks.map(({ name }) => name),
    failing,
    failures: () => Object.fromEntries(failing().map((name) => [name, reasons.get(name) ?? 'failed'])),
    stop() {
      stopped.abort();
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

/** Fails while the file exists: how somebody takes a server out of service by hand. */
export function fileProbe(path: string): HealthCheck['probe'] {
  return async () => {
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (exists) throw new CheckFailedError('the file exists');
  };
}

export interface HttpProbeSettings {
  readonly uri: string;
  readonly headers: readonly (readonly [name: string, values: readonly string[]])[];
  readonly status: number;
  readonly timeoutMs: number;
}

/** Asks with HEAD and follows redirects, as the `registry` image does. */
export function httpProbe({ uri, headers, status, timeoutMs }: HttpProbeSettings): HealthCheck['probe'] {
  return async (signal) => {
    const response = await fetch(uri, {
      method: 'HEAD',
      headers: headers.flatMap(([name, values]) => values.map((value): [string, string] => [name, value])),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    await response.body?.cancel();
    if (response.status !== status)
      throw new CheckFailedError(`status ${response.status} instead of ${status}`);
  };
}

export interface TcpProbeSettings {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
}

export function tcpProbe({ host, port, timeoutMs }: TcpProbeSettings): HealthCheck['probe'] {
  return (signal) =>
    new Promise((resolve, reject) => {
      const socket = connect({ host, port, signal });
      socket.setTimeout(timeoutMs, () => socket.destroy(new CheckFailedError('no answer in time')));
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.destroy();
        resolve();
      });
    });
}
