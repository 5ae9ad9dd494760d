// Which drivers there are, under the names that the configuration knows them by.
import { createFilesystemDriver } from './filesystem/filesystem-driver.ts';
import { createMemoryDriver } from './memory/memory-driver.ts';
import type { S3Settings } from './s3/settings.ts';

/** A driver's name to the function that opens its store. What comes out is not checked yet: see checked.ts. */
export const drivers = {
  filesystem: createFilesystemDriver,
  memory: async () => createMemoryDriver(),
  // Only who uses it pays for loading the SDK.
  s3: async (settings: S3Settings) => (await import('./s3/s3-driver.ts')).createS3Driver(settings),
};

export type DriverName = keyof typeof drivers;
