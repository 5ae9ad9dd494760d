// The directory that everything is kept in.
import { mkdir, realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { DirectorySync } from './directory-sync.ts';

/**
 * Makes the root directory where it is missing, durably, with all that is missing above it. Resolves to its path without
 * links in it. Throws system errors.
 */
export async function openRoot(rootDirectory: string, { sync }: DirectorySync): Promise<string> {
  const path = resolve(rootDirectory);
  const firstMade = await mkdir(path, { recursive: true });
  if (firstMade !== undefined) {
    for (let directory = dirname(path); directory.length >= dirname(firstMade).length; ) {
      await sync(directory);
      if (directory === dirname(directory)) break;
      directory = dirname(directory);
    }
  }
  return realpath(path);
}
