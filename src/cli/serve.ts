// `berth serve`: runs the registry until somebody asks it to stop.
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import { type ConfigurationSources, loadConfiguration } from '../../config/load.ts';
import type { FirstAdministrator } from '../auth/accounts/administrators.ts';
import type { RunningServer } from '../compose.ts';
import type { PrimaryDependencies } from '../compose-primary.ts';
import { createLog } from '../observe/log.ts';
import { sourcesFor } from './configuration.ts';
import { logSettings } from './log-settings.ts';
import { reasonOf } from './start-problem.ts';
import { createTraceNews, LAST_TRACES_MS, openTraces } from './traces.ts';
import type { WorkerStart } from './worker.ts';

/** Resolves to the exit code when the server has stopped, or could not start. */
export async function serve(words: readonly string[]): Promise<number> {
  try {
    const sources = await sourcesFor(words);
    const { configuration, warnings } = loadConfiguration(sources);
    const { traces, warnings: aboutTraces } = await openTraces();
    const settings = logSettings(configuration.log, process.stdout.isTTY === true);
    const log = createLog(settings, (line) => process.stdout.write(line), traces?.currentIds);
    for (const warning of [...warnings, ...aboutTraces]) log.warn(warning);
    const traceNews = createTraceNews(log);
    traces?.onChange((state, error) => traceNews(log, state, error));
    const server = await start({ sources, configuration, log, traces, traceNews });
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

interface Start extends Pick<PrimaryDependencies, 'configuration' | 'log' | 'traces' | 'traceNews'> {
  readonly sources: ConfigurationSources;
}

/** In this process alone, or in as many as are wanted. */
async function start({ sources, configuration, log, traces, traceNews }: Start): Promise<RunningServer> {
  const { workers } = configuration.http;
  const size = workers === 'auto' ? availableParallelism() : workers;
  // Only what is needed is loaded.
  if (size === 1) return (await import('../compose.ts')).startServer(configuration, log, traces);
  const [{ startPrimary }, { createFork }] = await Promise.all([
    import('../compose-primary.ts'),
    import('./fork.ts'),
  ]);
  return startPrimary({
    configuration,
    log,
    traces,
    size,
    fork: createFork(),
    // Read once: a worker that is started later has the same settings.
    startWith: {
      file: sources.file,
      overrides: sources.overrides,
      isTerminal: process.stdout.isTTY === true,
    } satisfies WorkerStart,
    traceNews,
    onFirstAdministrator: (administrator) => show(administrator, 'localhost'),
  });
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
