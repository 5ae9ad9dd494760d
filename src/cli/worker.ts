// `berth worker`: one of the processes that answer the requests of a server. It is started by `berth serve` and takes its orders.
import { z } from 'zod';
import { loadConfiguration } from '../../config/load.ts';
import { startWorker, workerOrdersSchema } from '../compose-worker.ts';
import { createLog } from '../observe/log.ts';
import { type Channel, createChannel } from '../workers/channel.ts';
import { wireToParent } from '../workers/process-wire.ts';
import { logSettings } from './log-settings.ts';
import { reasonOf } from './start-problem.ts';
import { LAST_TRACES_MS, openTraces } from './traces.ts';

/** Where a worker gets its configuration from, and whether somebody reads its log on a terminal. */
const startSchema = z.object({
  file: z.object({ path: z.string(), text: z.string() }).optional(),
  overrides: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  isTerminal: z.boolean(),
});

export type WorkerStart = z.infer<typeof startSchema>;

/** Resolves to the exit code, if it is not the primary that ends the process. */
export async function runWorker(): Promise<number> {
  const wire = wireToParent();
  if (wire === undefined) {
    process.stderr.write('berth worker is started by berth serve, when http.workers is more than 1\n');
    return 1;
  }
  // A terminal and systemd signal every process of a server. The primary says when requests are to end.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => undefined);
  const channel = createChannel(wire);
  const lost = new Promise<number>((resolve) => {
    process.once('disconnect', () => {
      channel.cut();
      resolve(0);
      // At once: what is half done stays so, as when one process is killed.
      process.exit(0);
    });
  });
  const begun = new Promise<number>((resolve) => {
    channel.on('begin', async (content) => {
      try {
        return await begin(content, channel);
      } catch (error) {
        const refused = await reasonOf(error);
        if (refused !== undefined) return { refused };
        process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
        resolve(1);
        process.exit(1);
      }
    });
  });
  return Promise.race([lost, begun]);
}

async function begin(content: unknown, channel: Channel): Promise<object> {
  const { file, overrides, isTerminal } = startSchema.parse(content);
  const { configuration } = loadConfiguration({ file, overrides, environment: process.env });
  const { traces } = await openTraces();
  traces?.onChange((state, error) => {
    channel.tell('traces', { state, reason: error instanceof Error ? error.message : undefined });
  });
  const log = createLog(
    logSettings(configuration.log, isTerminal),
    (line) => process.stdout.write(line),
    traces?.currentIds,
  );
  return startWorker({
    configuration,
    log,
    channel,
    orders: workerOrdersSchema.parse(content),
    traces,
    end: async () => traces?.close(LAST_TRACES_MS),
    explain: reasonOf,
  });
}
