// Which health checks there are, by the settings of the `health` section.
import { fileProbe, type HealthCheck, httpProbe, tcpProbe } from './health.ts';

interface Times {
  /** Milliseconds from one probe to the next. */
  readonly interval: number;
  /** Failures in a row before it counts. */
  readonly threshold: number;
}

export interface HealthSettings {
  readonly storagedriver: Times & { readonly enabled: boolean };
  readonly file: readonly (Times & { readonly file: string })[];
  readonly http: readonly (Times & {
    readonly uri: string;
    readonly headers: Readonly<Record<string, readonly string[]>>;
    readonly statuscode: number;
    readonly timeout: number;
  })[];
  readonly tcp: readonly (Times & {
    readonly addr: { readonly host: string; readonly port: number };
    readonly timeout: number;
  })[];
}

/** The checks that the settings ask for. `lookAtStore` throws when the store is out of order. */
export function healthChecks(health: HealthSettings, lookAtStore: () => Promise<unknown>): HealthCheck[] {
  const { storagedriver } = health;
  const checks: HealthCheck[] = [];
  if (storagedriver.enabled) {
    const probe = async () => void (await lookAtStore());
    checks.push({ name: 'storagedriver', ...timesOf(storagedriver), probe });
  }
  health.file.forEach((check, index) => {
    checks.push({ name: `file ${index}`, ...timesOf(check), probe: fileProbe(check.file) });
  });
  health.http.forEach((check, index) => {
    const probe = httpProbe({
      uri: check.uri,
      headers: Object.entries(check.headers),
      status: check.statuscode,
      timeoutMs: check.timeout,
    });
    checks.push({ name: `http ${index}`, ...timesOf(check), probe });
  });
  health.tcp.forEach((check, index) => {
    const probe = tcpProbe({ ...check.addr, timeoutMs: check.timeout });
    checks.push({ name: `tcp ${index}`, ...timesOf(check), probe });
  });
  return checks;
}

function timesOf({ interval, threshold }: Times) {
  return { intervalMs: interval, threshold };
}
