// `berth user`, `berth group`, `berth robot` and `berth key`: accounts and keys, made and changed right in the storage, with or
// without a server.
import { parseArgs } from 'node:util';
import { isRefusal, RegistryError } from '../registry/errors.ts';
import {
  type AccountCommand,
  type AccountTools,
  type OptionValues,
  RefusedError,
  UsageError,
} from './account-command.ts';
import { groupCommands } from './group-commands.ts';
import { keyCommands } from './key-commands.ts';
import { robotCommands } from './robot-commands.ts';
import { userCommands } from './user-commands.ts';

export interface AccountCommandSurroundings extends Omit<AccountTools, 'accounts' | 'keys'> {
  /** @param path of the configuration (`--config`); without it where `berth serve` looks */
  open(
    path: string | undefined,
  ): Promise<Pick<AccountTools, 'accounts' | 'keys'> & { close(): Promise<void> }>;
}

const commands: { readonly [noun: string]: { readonly [verb: string]: AccountCommand } } = {
  user: userCommands,
  group: groupCommands,
  robot: robotCommands,
  key: keyCommands,
};

/**
 * Runs `berth <noun> <verb> ...`. Resolves to the exit code: 0, 1 when the registry said no (in one line), 2 for words that
 * make no command. Throws what `open` and the storage throw.
 */
export async function runAccountCommand(
  [noun = '', verb = '', ...words]: readonly string[],
  { open, ...tools }: AccountCommandSurroundings,
): Promise<number> {
  const verbs = Object.hasOwn(commands, noun) ? commands[noun] : undefined;
  const command = verbs !== undefined && Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (command === undefined) {
    tools.tell(`usage:\n${accountUsage(noun).join('\n')}`);
    return 2;
  }
  try {
    const { names, options } = parseWords(command, words);
    const { config } = options;
    const opened = await open(typeof config === 'string' ? config : undefined);
    try {
      await command.run({ ...tools, accounts: opened.accounts, keys: opened.keys }, names, options);
    } finally {
      await opened.close();
    }
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      tools.tell(`${error.message}; usage: berth ${noun} ${verb} ${command.usage}`.trimEnd());
      return 2;
    }
    if (error instanceof RefusedError) {
      tools.tell(error.message);
      return 1;
    }
    if (!isSaid(error)) throw error;
    tools.tell(typeof error.detail === 'string' ? `${error.message}: ${error.detail}` : error.message);
    return 1;
  }
}

/** One line for each command, of one noun or of all. */
export function accountUsage(noun?: string): readonly string[] {
  const nouns = noun !== undefined && Object.hasOwn(commands, noun) ? [noun] : Object.keys(commands);
  return nouns.flatMap((name) =>
    Object.entries(commands[name] ?? {}).map(([verb, { usage }]) => `  ${name} ${verb} ${usage}`.trimEnd()),
  );
}

function parseWords(command: AccountCommand, words: readonly string[]) {
  try {
    const isDashedName = (word: string) => word.startsWith('-') && command.isName?.(word) === true;
    const { values, positionals } = parseArgs({
      args: words.filter((word) => !isDashedName(word)),
      options: { ...command.options, config: { type: 'string' } },
      allowPositionals: true,
    });
    const names = [...words.filter(isDashedName), ...positionals];
    if (names.length !== command.names) throw new UsageError('the wrong number of names');
    return { names, options: values as OptionValues };
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError('unknown or incomplete option', { cause: error });
    throw error;
  }
}

/** Whether the error is an answer for whoever gave the command, and nothing that went wrong. */
function isSaid(error: unknown): error is RegistryError {
  return (
    error instanceof RegistryError &&
    isRefusal(error, 'accountExists', 'accountInvalid', 'accountUnknown', 'lastAdministrator')
  );
}
