// Which drivers there are, under the names that the configuration knows them by.
import { createFilesystemDriver } from './filesystem/filesystem-driver.ts';
import { createMemoryDriver } from './memory/memory-driver.ts';

/** A driver's name to the function that opens its store. What comes out is not checked yet: see checked.ts. */
export const drivers = {
  filesystem: createFilesystemDriver,
  memory: async () => createMemoryDriver(),
};

export type DriverName = keyof typeof drivers;
