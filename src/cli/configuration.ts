// Where a command gets its configuration from.

import { readConfigurationFile } from '../../config/file.ts';
import { type ConfigurationSources, type LoadedConfiguration, loadConfiguration } from '../../config/load.ts';
import { configurationPath } from '../../config/variables.ts';

/** Data of a server that was started without any configuration: beside it, where no permission is needed. */
const DEFAULT_DIRECTORY = './data';

/** Loads the file that the words or the environment name, or else the defaults. Throws ConfigurationError. */
export async function configurationFor(words: readonly string[]): Promise<LoadedConfiguration> {
  return loadConfiguration(await sourcesFor(words));
}

/** What that configuration is made of. Throws ConfigurationError. */
export async function sourcesFor(words: readonly string[]): Promise<ConfigurationSources> {
  const [path = configurationPath(process.env)] = words;
  if (path !== undefined) return { file: await readConfigurationFile(path), environment: process.env };
  const overrides = { 'storage.filesystem.rootdirectory': DEFAULT_DIRECTORY };
  return { environment: process.env, overrides };
}
