// What a command that manages accounts is: words that it takes, and what it does with them.
import type { Accounts } from '../auth/accounts/accounts.ts';
import type { StoredSigningKeys } from '../auth/tokens/signing-keys.ts';

/** What a command has to work with. */
export interface AccountTools {
  readonly accounts: Accounts;
  /** The keys that tokens are signed with, where the storage has them. */
  keys(): Promise<StoredSigningKeys>;
  /** Asks for a secret that does not show; twice where somebody types it. Never taken from the command line. */
  readSecret(prompt: string): Promise<string>;
  /** One line for programs: to standard output. */
  print(line: string): void;
  /** One line for people: to standard error. */
  tell(line: string): void;
}

export interface AccountCommand {
  /** Words after the command, as in `<name> [--administrator]`. */
  readonly usage: string;
  /** How many words it takes that are no options. */
  readonly names: number;
  /** Tells a name that begins like an option from one. @default none does */
  readonly isName?: (word: string) => boolean;
  readonly options?: {
    readonly [name: string]: { readonly type: 'string' | 'boolean'; readonly multiple?: boolean };
  };
  run(tools: AccountTools, names: readonly string[], options: OptionValues): Promise<void>;
}

export interface OptionValues {
  readonly [name: string]: string | boolean | (string | boolean)[] | undefined;
}

/** The words of the command line are not as the command takes them. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What was asked for cannot be done. The message is for whoever gave the command. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
}
