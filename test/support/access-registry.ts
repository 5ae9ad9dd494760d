// A registry with accounts of its own, run as a process that logs everything, and `berth user|robot ...` beside it.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { berth } from '../process/berth-process.ts';
import { type CommandResult, runCommand } from './command.ts';
import { type Cleaner, inReverse, privateDirectory } from './processes.ts';
import type { Secrets } from './secrets.ts';
import { type RegistryOptions, type Service, startBerth } from './service.ts';

export interface AccessRegistry extends Service {
  /** `127.0.0.1:<port>`, as it stands in front of an image's name. */
  readonly host: string;
  /** Runs `berth user|group|robot ...` on the registry's storage; the input is the password. */
  berth(words: readonly string[], input?: string): Promise<CommandResult>;
}

export interface AccessRegistryOptions {
  /** The `auth` section. */
  readonly auth: object;
  /** Users that are there before the start, with their passwords. Of accounts that the registry keeps itself. */
  readonly users?: Readonly<Record<string, string>>;
  /** Further sections of the configuration. */
  readonly configuration?: RegistryOptions['configuration'];
}

export const debugLog = { log: { level: 'debug' } } as const;

/** Rules of two users, and of what everybody may see. */
export const teamRules: readonly object[] = [
  { repositories: ['team/**'], for: ['user:alice'], actions: ['all'] },
  { repositories: ['team/**'], for: ['user:bob', 'robot:ci'], actions: ['pull'] },
  { repositories: ['public/**'], for: ['user:root'], actions: ['all'] },
  { repositories: ['public/**'], for: ['everyone'], actions: ['pull'] },
];

/** Starts it on a fresh directory; it goes at the end of the test. */
export async function startAccessRegistry(
  cleaner: Cleaner,
  { auth, users = {}, configuration = {} }: AccessRegistryOptions,
): Promise<AccessRegistry> {
  const reversed = inReverse(cleaner);
  const directory = await privateDirectory('access', reversed);
  const storage = join(directory, 'storage');
  const file = join(directory, 'config.yml');
  await writeFile(
    file,
    stringify({ version: 0.1, storage: { filesystem: { rootdirectory: storage } }, auth: { berth: {} } }),
  );
  const command = createBerthCommand(file);
  for (const [name, password] of Object.entries(users)) {
    await command(['user', 'add', name, ...(name === 'root' ? ['--administrator'] : [])], password);
  }
  const service = await startBerth({
    directory: storage,
    configuration: { ...debugLog, ...configuration, auth },
  });
  reversed.after(async () => void (await service.stop()));
  return { ...service, host: `127.0.0.1:${service.port}`, berth: command };
}

/** `berth user|group|robot ...` with a configuration file. */
export function createBerthCommand(file: string): AccessRegistry['berth'] {
  return (words, input = '') => runCommand([...berth, ...words, '--config', file], { input });
}

/** The one secret that is shown, to whoever starts the registry and not by the log. */
export const FIRST_ADMINISTRATOR = /docker login -u (admin) -p (\S+) /;

/** Ends the servers and fails if any secret is in what they printed, at whatever level. */
export async function assertNothingToldOf(secrets: Secrets, ...services: readonly Service[]): Promise<void> {
  for (const service of services) {
    await service.stop();
    const output = service.output();
    // From the first line to the last one: what was dropped could not be searched.
    assert.ok(output.length < 1_000_000 && output.includes('Berth is up'), 'the log is cut');
    assert.deepEqual(secrets.findIn(output.replace(FIRST_ADMINISTRATOR, '')), []);
  }
}
