// What can be said on the command line of `npm run bench:scale -- ...`.
import { parseArgs } from 'node:util';
import { UsageError } from '../options.ts';

export interface ScaleOptions {
  /** 1 for all of it. */
  readonly scale: number;
  readonly rounds: number;
  /** Where the stores are made, and stay; a directory that goes again if absent. */
  readonly directory: string | undefined;
  readonly help: boolean;
}

export const usage = `npm run bench:scale -- [options]

  --scale N         how much is in the large store: 1 for 100,000 repositories, 100,000 tags in one of them, 1,000,000 blobs and
                    10,000 referrers of one subject (default 0.1)
  --rounds N        how often both servers are started and measured (default 3)
  --directory DIR   make the stores there and keep them; those that are there already are measured again`;

/** Throws `UsageError`. */
export function parseScaleOptions(parameters: readonly string[]): ScaleOptions {
  const { scale, rounds, directory, help } = parse(parameters);
  return {
    scale: numberBetween('--scale', scale, 0.001, 10),
    rounds: Math.floor(numberBetween('--rounds', rounds, 1, 5)),
    directory,
    help,
  };
}

function parse(parameters: readonly string[]) {
  try {
    return parseArgs({
      args: [...parameters],
      options: {
        scale: { type: 'string', default: '0.1' },
        rounds: { type: 'string', default: '3' },
        directory: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function numberBetween(option: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (number >= least && number <= most) return number;
  throw new UsageError(`${option} is a number from ${least} to ${most}, not ${text}`);
}
