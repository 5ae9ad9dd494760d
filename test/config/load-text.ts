// Loads a configuration from a text, as the tests of this folder want it.
import { type LoadedConfiguration, loadConfiguration } from '../../config/load.ts';
import { ConfigurationError } from '../../config/problem.ts';

type Variables = Readonly<Record<string, string>>;

/** Loads what follows after `version: 0.1`, with the given variables. The file is called config.yml. */
export function loadText(settings: string, environment: Variables = {}): LoadedConfiguration {
  return loadConfiguration({ file: { path: 'config.yml', text: `version: 0.1\n${settings}` }, environment });
}

/** Loads a configuration without a file, from variables alone. */
export function loadVariables(environment: Variables): LoadedConfiguration {
  return loadConfiguration({ environment });
}

/** The problems of what must not load. The first setting stands on line 2. */
export function problemsOf(settings: string, environment: Variables = {}): readonly string[] {
  try {
    loadText(settings, environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  throw new Error('the configuration loaded, although it must not');
}
