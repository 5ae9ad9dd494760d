// Which store the configuration names.
import type { Configuration } from '../config/schema.ts';
import type { StorageDriver } from '../storage-drivers/driver.ts';
import { drivers } from '../storage-drivers/index.ts';
import { ROOT } from './registry/layout.ts';

/** The storage is one that only the server itself can see. */
export class NoSharedStorageError extends Error {
  override readonly name = 'NoSharedStorageError';
}

/**
 * Throws a DriverError if it cannot be opened. `alone`: no other process changes the content while this one does, which begins when
 * it is told that (`recover`).
 */
export function openDriver(
  choice: Configuration['storage']['driver'],
  { alone = false } = {},
): Promise<StorageDriver> {
  if (choice.name === 'inmemory') return drivers.memory();
  if (choice.name === 's3') return drivers.s3(choice);
  return drivers.filesystem({
    rootDirectory: choice.rootdirectory,
    durability: choice.durability,
    ...(alone && { ownPrefix: ROOT }),
  });
}

/** For a command beside a server. Throws NoSharedStorageError if it could not reach the storage of one. */
export async function openSharedDriver(choice: Configuration['storage']['driver']): Promise<StorageDriver> {
  if (choice.name === 'inmemory')
    throw new NoSharedStorageError('the storage is in the memory of the server: no command can reach it');
  return openDriver(choice);
}

/** For people. */
export function describeStorage(choice: Configuration['storage']['driver']): string {
  if (choice.name === 's3') return `s3 bucket ${choice.bucket}`;
  return choice.name === 'filesystem' ? choice.rootdirectory : 'memory, until the server stops';
}
