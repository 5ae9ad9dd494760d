// The command line: which command, and what its end means to the shell. Only the one that is asked for is loaded.

const usage = `Usage: berth <command>

  serve [config.yml]          run the registry
  check-config [config.yml]   say whether a configuration is in order, and run nothing
  user|group|robot ...        the accounts that the registry keeps (auth: berth); berth user says more
  key ...                     the keys that it signs tokens with
  events replay --since 2h    tell receivers of events again what happened

Without a file the path is taken from REGISTRY_CONFIGURATION_PATH; without that, data goes to ./data and
the server listens on port 5000. Every setting can be given as REGISTRY_* in the environment.`;

/** Runs what the words of the command line ask for. Resolves to the exit code. */
export async function runCommand(words: readonly string[]): Promise<number> {
  const [first, ...rest] = words;
  switch (first) {
    case 'serve':
      return (await import('./serve.ts')).serve(rest);
    case 'check-config':
      return (await import('./check-config.ts')).checkConfig(rest);
    case 'user':
    case 'group':
    case 'robot':
    case 'key':
      return (await import('./accounts.ts')).manageAccounts(words);
    case 'events':
      return (await import('./events.ts')).manageEvents(rest);
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(`${usage}\n`);
      return 0;
    case undefined:
      process.stderr.write(`no command given\n\n${usage}\n`);
      return 1;
    default:
      // What the `registry` image takes too: a configuration file alone.
      if (/\.ya?ml$/.test(first)) return (await import('./serve.ts')).serve(words);
      process.stderr.write(`unknown command: ${first}\n\n${usage}\n`);
      return 1;
  }
}
