// What the command line takes.

export const usage = `Usage: berth <command>

  serve [config.yml]          run the registry
  check-config [config.yml]   say whether a configuration is in order, and run nothing

Without a file the path is taken from REGISTRY_CONFIGURATION_PATH; without that, data goes to ./data and
the server listens on port 5000. Every setting can be given as REGISTRY_* in the environment.`;

export function isConfigurationFileName(word: string): boolean {
  return word.endsWith('.yml') || word.endsWith('.yaml');
}
