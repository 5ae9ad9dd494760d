// `berth serve`: runs the registry until somebody asks it to stop.
import { once } from 'node:events';
import type { Logger } from 'pino';
import { ConfigurationError } from '../../config/problem.ts';
import type { Configuration } from '../../config/schema.ts';
import { DriverError } from '../../storage-drivers/errors.ts';
import type { FirstAdministrator } from '../auth/accounts/administrators.ts';
import { type RunningServer, startServer } from '../compose.ts';
import { CertificateError } from '../http/tls/certificate-files.ts';
import { StoreInUseError } from '../maintenance/presence.ts';
import { DebugAddressError } from '../observe/debug-server.ts';
import { createLog, type LogSettings } from '../observe/log.ts';
import { RedisRefusedError } from '../sessions/coordination.ts';
import { configurationFor } from './configuration.ts';
import { openTraces } from './traces.ts';

/** How long the last traces of a server that stops may take, in milliseconds. */
const LAST_TRACES_MS = 3_000;

/** Resolves to the exit code when the server has stopped, or could not start. */
export async function serve(words: readonly string[]): Promise<number> {
  try {
    const { configuration, warnings } = await configurationFor(words);
    const { traces, warnings: aboutTraces } = await openTraces();
    const settings = logSettings(configuration.log);
    const log = createLog(settings, (line) => process.stdout.write(line), traces?.currentIds);
    for (const warning of [...warnings, ...aboutTraces]) log.warn(warning);
    traces?.onChange((state, error) => {
      if (state === 'lost') log.warn({ err: error }, 'traces do not arrive');
      else log.info('traces arrive again');
    });
    const server = await startServer(configuration, log, traces);
    // Before the server is announced: whoever reads that may stop it at once.
    const stopped = stopSignal(log);
    announce(server, log);
    await stopped;
    const cut = await server.close();
    await traces?.close(LAST_TRACES_MS);
    log.info(cut === 0 ? {} : { cut }, 'stopped');
    return 0;
  } catch (error) {
    const reason = await reasonOf(error);
    if (reason === undefined) throw error;
    process.stderr.write(`${reason}\n`);
    return 1;
  }
}

function announce(server: RunningServer, log: Logger): void {
  const { address, port, storage, auth, debugAddress, firstAdministrator } = server;
  const reach = port === undefined ? address : `localhost:${port}`;
  if (auth === 'none') log.info({ address, storage }, 'Berth is up, open to everybody who can reach it');
  else if (auth === 'rules') log.info({ address, storage }, 'Berth is up; rules say who may do what');
  else log.info({ address, storage, auth }, 'Berth is up; who uses it has to log in');
  if (debugAddress !== undefined) log.info({ address: debugAddress }, 'health and figures are told here');
  log.info(`try it: docker tag busybox ${reach}/demo/busybox && docker push ${reach}/demo/busybox`);
  if (firstAdministrator !== undefined) show(firstAdministrator, reach);
}

/** Not by the log, which is kept for years and read by many. */
function show({ name, password, expires }: FirstAdministrator, reach: string): void {
  process.stderr.write(`
There are no accounts yet. Until ${expires.toISOString()} this one may do everything:

    docker login -u ${name} -p ${password} ${reach}

Give it a password of your own with: berth user passwd ${name}

`);
}

/** Resolves at the first SIGTERM or SIGINT. A second one does not wait for anybody. */
async function stopSignal(log: Logger): Promise<void> {
  const stopped = new AbortController();
  const signals = (['SIGTERM', 'SIGINT'] as const).map(async (name) => {
    await once(process, name, { signal: stopped.signal });
    return name;
  });
  const signal = await Promise.race(signals);
  stopped.abort();
  await Promise.allSettled(signals);
  log.info({ signal }, 'stopping: running transfers may finish');
  process.once('SIGTERM', () => process.exit(1));
  process.once('SIGINT', () => process.exit(1));
}

function logSettings({ level, formatter, fields, accesslog }: Configuration['log']): LogSettings {
  const format = formatter ?? (process.stdout.isTTY ? 'terminal' : 'json');
  return { level, fields, format, requests: accesslog.format };
}

/** The one line that explains why the server could not start; `undefined` for what nobody foresaw. */
async function reasonOf(error: unknown): Promise<string | undefined> {
  const { describeAuthProblem } = await import('./auth-problem.ts');
  const problem = describeAuthProblem(error);
  if (problem !== undefined) return problem;
  if (error instanceof ConfigurationError) return error.message;
  if (error instanceof StoreInUseError) return error.message;
  if (error instanceof DebugAddressError) return `http.debug.addr: ${error.message}`;
  if (error instanceof CertificateError) return `http.tls: ${error.message}`;
  if (error instanceof RedisRefusedError) return `Redis does not let this server in: ${error.message}`;
  if (error instanceof DriverError) {
    return `the storage cannot be opened: ${messageOf(error.cause) ?? error.message}`;
  }
  if (isSystemError(error) && error.syscall === 'listen') {
    // Node gives unix sockets the port -1.
    const isPort = error.port !== undefined && error.port >= 0;
    const place = isPort ? `port ${error.port}` : error.address;
    if (error.code === 'EADDRINUSE')
      return `${place} is in use already; http.addr or REGISTRY_HTTP_ADDR sets another one`;
    return `cannot listen on ${place}: ${error.message}`;
  }
  return undefined;
}

function messageOf(error: unknown): string | undefined {
  return error instanceof Error ? error.message : undefined;
}

interface ListenError extends NodeJS.ErrnoException {
  readonly port?: number;
  readonly address?: string;
}

function isSystemError(error: unknown): error is ListenError {
  return error instanceof Error && 'syscall' in error;
}
