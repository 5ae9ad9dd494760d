// `berth events replay`: tells receivers again what they may have missed.
import { parseArgs } from 'node:util';
import { ConfigurationError } from '../../config/problem.ts';
import { parseDuration } from '../../config/scalars.ts';
import { DriverError } from '../../storage-drivers/errors.ts';
import { NoEndpointError, replayTo } from '../compose-events.ts';
import { NoSharedStorageError } from '../compose-storage.ts';
import { NotTakenError } from '../events/post.ts';
import { configurationFor } from './configuration.ts';

export const eventsUsage =
  'berth events replay --since <2h|date> [--endpoint <name>] [--config <config.yml>]';

/** Takes the words behind `events`. Resolves to the exit code: 1 if it could not be done, 2 for words that make no command. */
export async function manageEvents(words: readonly string[], now = new Date()): Promise<number> {
  const asked = parseWords(words, now);
  if (asked === undefined) {
    process.stderr.write(`usage: ${eventsUsage}\n`);
    return 2;
  }
  try {
    const { configuration } = await configurationFor(asked.config === undefined ? [] : [asked.config]);
    for (const { name, told } of await replayTo(configuration, asked.since, asked.endpoint)) {
      process.stdout.write(`${name}\t${told}\n`);
    }
    return 0;
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === undefined) throw error;
    process.stderr.write(`${reason}\n`);
    return 1;
  }
}

interface Asked {
  readonly since: Date;
  readonly endpoint: string | undefined;
  readonly config: string | undefined;
}

function parseWords([verb, ...words]: readonly string[], now: Date): Asked | undefined {
  if (verb !== 'replay') return undefined;
  try {
    const {
      since = '',
      endpoint,
      config,
    } = parseArgs({
      args: [...words],
      options: { since: { type: 'string' }, endpoint: { type: 'string' }, config: { type: 'string' } },
    }).values;
    const from = parseSince(since, now);
    return from && { since: from, endpoint, config };
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** A length of time before now, or a date. */
function parseSince(text: string, now: Date): Date | undefined {
  const ago = parseDuration(text);
  const time = ago === undefined || ago === 0 ? Date.parse(text) : now.getTime() - ago;
  return Number.isNaN(time) ? undefined : new Date(time);
}

/** The one line that explains why it could not be done; `undefined` for what nobody foresaw. */
function reasonOf(error: unknown): string | undefined {
  if (error instanceof ConfigurationError || error instanceof NoSharedStorageError) return error.message;
  if (error instanceof NoEndpointError || error instanceof NotTakenError) return error.message;
  if (!(error instanceof DriverError)) return undefined;
  const why = error.cause instanceof Error ? error.cause.message : error.message;
  return `the storage cannot be used: ${why}`;
}
