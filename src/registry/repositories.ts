// Whether there is a repository of a name: it comes with its first content, and goes with its last.
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { REPOSITORY_MARKS, repository } from './layout.ts';
import type { RepositoryName } from './name.ts';

export interface Repositories {
  exists(name: RepositoryName): Promise<boolean>;
}

export function createRepositories(driver: StorageDriver): Repositories {
  return {
    async exists(name) {
      const below = await Promise.all(
        REPOSITORY_MARKS.map((mark) => driver.list(`${repository(name)}/${mark}`, { limit: 1 })),
      );
      return below.some((entries) => entries.length > 0);
    },
  };
}
