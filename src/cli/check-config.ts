// `berth check-config`: says what is wrong with a configuration, without running anything.
import { ConfigurationError } from '../../config/problem.ts';
import { checkAccess } from '../compose-check.ts';
import { describeAuthProblem } from './auth-problem.ts';
import { configurationFor } from './configuration.ts';

/** Resolves to the exit code. */
export async function checkConfig(words: readonly string[]): Promise<number> {
  try {
    const { configuration, warnings } = await configurationFor(words);
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
    await checkAccess(configuration);
    process.stdout.write('The configuration is in order.\n');
    return 0;
  } catch (error) {
    const problem = error instanceof ConfigurationError ? error.message : describeAuthProblem(error);
    if (problem === undefined) throw error;
    process.stderr.write(`${problem}\n`);
    return 1;
  }
}
