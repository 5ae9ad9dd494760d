// `berth user|group|robot|key`, with the terminal and the storage that the configuration names.
import { ConfigurationError } from '../../config/problem.ts';
import { DriverError } from '../../storage-drivers/errors.ts';
import { SigningKeyError } from '../auth/tokens/signing-key.ts';
import { openAccounts } from '../compose-accounts.ts';
import { NoKeptKeysError } from '../compose-keys.ts';
import { NoSharedStorageError } from '../compose-storage.ts';
import { RedisRefusedError } from '../sessions/coordination.ts';
import { runAccountCommand } from './account-commands.ts';
import { configurationFor } from './configuration.ts';
import { NoSecretError, readSecret } from './read-secret.ts';

/** Takes the words from the noun on. Resolves to the exit code. */
export async function manageAccounts(words: readonly string[]): Promise<number> {
  const tell = (line: string) => void process.stderr.write(`${line}\n`);
  try {
    return await runAccountCommand(words, {
      open: async (path) =>
        openAccounts((await configurationFor(path === undefined ? [] : [path])).configuration),
      readSecret: (prompt) => readSecret(prompt, process.stdin, process.stderr),
      print: (line) => void process.stdout.write(`${line}\n`),
      tell,
    });
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === undefined) throw error;
    tell(reason);
    return 1;
  }
}

/** The one line that explains why the command could not be run; `undefined` for what nobody foresaw. */
function reasonOf(error: unknown): string | undefined {
  if (error instanceof ConfigurationError || error instanceof NoSecretError) return error.message;
  if (error instanceof NoSharedStorageError || error instanceof NoKeptKeysError) return error.message;
  if (error instanceof SigningKeyError) return error.message;
  if (error instanceof RedisRefusedError) return `Redis does not let this command in: ${error.message}`;
  if (!(error instanceof DriverError)) return undefined;
  const why = error.cause instanceof Error ? error.cause.message : error.message;
  return `the storage cannot be used: ${why}`;
}
