// A store whose segments of events are written when the test says so, or not at all.
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { DriverError } from '../../storage-drivers/errors.ts';

export interface SlowStore {
  readonly driver: StorageDriver;
  /** Segments that were written. */
  writes(): number;
  /** Lets segments be written from now on. */
  release(): void;
  /** Refuses segments until they are released. */
  fail(): void;
}

export function slowDriver(driver: StorageDriver): SlowStore {
  const released = Promise.withResolvers<void>();
  let isFailing = false;
  let written = 0;
  return {
    driver: {
      ...driver,
      async write(key, content, options) {
        if (!key.includes('/segments/')) return driver.write(key, content, options);
        if (isFailing) throw new DriverError('noSpace', { driver: 'slow', action: 'write', key });
        await released.promise;
        written += 1;
        return driver.write(key, content, options);
      },
    },
    writes: () => written,
    release() {
      isFailing = false;
      released.resolve();
    },
    fail() {
      isFailing = true;
    },
  };
}
