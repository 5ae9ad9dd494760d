// What can be said on the command line of `npm run bench -- ...`.
import { parseArgs } from 'node:util';
import { type StoreKind, storeKinds } from './stores/store.ts';

export interface RunningRegistry {
  readonly name: string;
  readonly url: string;
  /** Absent: no processor time and no memory is reported for it. */
  readonly pid: number | undefined;
}

export interface Options {
  readonly store: StoreKind;
  readonly rounds: number;
  /** Names of rows; those that the store is usually measured by if absent. */
  readonly rows: readonly string[] | undefined;
  readonly against: readonly RunningRegistry[];
  readonly json: string | undefined;
  readonly markdown: string | undefined;
  readonly quick: boolean;
  readonly profile: boolean;
  /** Whether Berth runs with `durability: relaxed`. */
  readonly relaxed: boolean;
  readonly help: boolean;
}

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const usage = `npm run bench -- [options]

  --store directory|s3     what the registries keep everything in (default directory); s3 starts a Ceph gateway
  --rounds N               how often every row runs (default 3)
  --rows a,b               only these rows
  --against NAME=URL=PID   measure a registry that already runs here, too; may be repeated, =PID may be left out
  --json FILE              write every figure to FILE
  --markdown FILE          write the table to FILE
  --quick                  small sizes: shows that everything works, its figures mean little
  --relaxed                run Berth with durability: relaxed; the others sync as ever
  --profile                run Berth with --cpu-prof, keep the profiles and print what costs most`;

/** Throws `UsageError`. */
export function parseOptions(parameters: readonly string[]): Options {
  const given = parse(parameters);
  if (given.relaxed && given.store !== 'directory') throw new UsageError('--relaxed is for directories');
  return {
    store: parseStore(given.store),
    rounds: parseRounds(given.rounds),
    rows: given.rows?.split(',').filter((name) => name !== ''),
    against: given.against.map(parseAgainst),
    json: given.json,
    markdown: given.markdown,
    quick: given.quick,
    profile: given.profile,
    relaxed: given.relaxed,
    help: given.help,
  };
}

function parse(parameters: readonly string[]) {
  try {
    return parseArgs({
      args: [...parameters],
      options: {
        store: { type: 'string', default: 'directory' },
        rounds: { type: 'string', default: '3' },
        rows: { type: 'string' },
        against: { type: 'string', multiple: true, default: [] },
        json: { type: 'string' },
        markdown: { type: 'string' },
        quick: { type: 'boolean', default: false },
        profile: { type: 'boolean', default: false },
        relaxed: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function parseStore(text: string): StoreKind {
  const kind = storeKinds.find((known) => known === text);
  if (kind === undefined) throw new UsageError(`--store is ${storeKinds.join(' or ')}, not ${text}`);
  return kind;
}

function parseRounds(text: string): number {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) {
    throw new UsageError(`--rounds is a whole number from 1 to 100, not ${text}`);
  }
  return rounds;
}

function parseAgainst(text: string): RunningRegistry {
  const match = /^(?<name>[^=]+)=(?<url>http:\/\/[^=]+?)\/?(?:=(?<pid>\d+))?$/.exec(text);
  const { name, url, pid } = match?.groups ?? {};
  if (name === undefined || url === undefined) {
    throw new UsageError(`--against is NAME=URL=PID with an http:// URL, not ${text}`);
  }
  return { name, url, pid: pid === undefined ? undefined : Number(pid) };
}
