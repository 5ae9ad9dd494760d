// `berth check-config`: says what is wrong with a configuration, without running anything.
import { ConfigurationError } from '../../config/problem.ts';
import { configurationFor } from './configuration.ts';

/** Resolves to the exit code. */
export async function checkConfig(words: readonly string[]): Promise<number> {
  try {
    const { warnings } = await configurationFor(words);
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
    process.stdout.write('The configuration is in order.\n');
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}
