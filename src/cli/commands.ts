// The command line: which command, and what its end means to the shell. Only the one that is asked for is loaded.

const usage = `Usage: berth <command>

  serve [config.yml]          run the registry
  check-config [config.yml]   say whether a configuration is in order, and run nothing
  user|group|robot ...        the accounts that the registry keeps (auth: berth); berth user says more
  key ...                     the keys that it signs tokens with
  events replay --since 2h    tell receivers of events again what happened
  version                     say which version this is

Without a file the path is taken from REGISTRY_CONFIGURATION_PATH; without that, data goes to ./data and
the server listens on port 5000. Every setting can be given as REGISTRY_* in the environment.`;

const NO_COLLECTOR =
  'Berth has no garbage-collect yet: abandoned uploads give their space back by themselves; for the rest stop Berth, run garbage-collect of the registry image on the same directory, and start Berth again';

/** Runs the command. Resolves to the exit code. */
export type Command = () => Promise<number>;

/** Loads what the words of the command line ask for, and runs nothing yet. */
export async function loadCommand(words: readonly string[]): Promise<Command> {
  const [first, ...rest] = words;
  switch (first) {
    case 'serve':
      return loadServe(rest);
    case 'worker':
      return (await import('./worker.ts')).runWorker;
    case 'check-config': {
      const { checkConfig } = await import('./check-config.ts');
      return () => checkConfig(rest);
    }
    case 'user':
    case 'group':
    case 'robot':
    case 'key': {
      const { manageAccounts } = await import('./accounts.ts');
      return () => manageAccounts(words);
    }
    case 'events': {
      const { manageEvents } = await import('./events.ts');
      return () => manageEvents(rest);
    }
    case 'garbage-collect':
      return async () => refuse(NO_COLLECTOR);
    case 'version':
    case '--version':
    case '-v': {
      const { readVersion } = await import('./version.ts');
      return async () => answer(`berth ${await readVersion()}`);
    }
    case 'help':
    case '--help':
    case '-h':
      return async () => answer(usage);
    case undefined:
      return async () => refuse(`no command given\n\n${usage}`);
    default:
      // What the `registry` image takes too: a configuration file alone.
      if (/\.ya?ml$/.test(first)) return loadServe(words);
      return async () => refuse(`unknown command: ${first}\n\n${usage}`);
  }
}

async function loadServe(words: readonly string[]): Promise<Command> {
  const { serve } = await import('./serve.ts');
  return () => serve(words);
}

function answer(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

function refuse(text: string): number {
  process.stderr.write(`${text}\n`);
  return 1;
}
