// The store that protocol tests run on: memory, unless the environment asks for another one (test/stores).
import { randomUUID } from 'node:crypto';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { createFilesystemDriver } from '../../storage-drivers/filesystem/filesystem-driver.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import type { Cleaner } from './processes.ts';
import { temporaryDirectory } from './service.ts';

/** `filesystem`, or the settings of the S3 driver as JSON. */
export const STORE_VARIABLE = 'BERTH_TEST_STORE';

/** The keys of all objects below a prefix. Directories that are empty do not count. */
export async function objectsBelow(driver: StorageDriver, prefix: string): Promise<string[]> {
  const below = (await driver.list(prefix)).map(({ name, kind }) => {
    const key = `${prefix}/${name}`;
    return kind === 'object' ? [key] : objectsBelow(driver, key);
  });
  return (await Promise.all(below)).flat();
}

/** A store with nothing in it. */
export async function openTestStore(cleaner: Cleaner): Promise<StorageDriver> {
  const store = process.env[STORE_VARIABLE];
  if (store === undefined) return createMemoryDriver();
  if (store === 'filesystem')
    return createFilesystemDriver({ rootDirectory: await temporaryDirectory(cleaner) });
  const { createS3Driver } = await import('../../storage-drivers/s3/s3-driver.ts');
  return createS3Driver({ ...JSON.parse(store), rootdirectory: randomUUID() });
}
