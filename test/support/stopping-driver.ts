// A store whose server comes to its end in the middle of its work.
import type { StorageDriver } from '../../storage-drivers/driver.ts';

/** The same store for a server that comes to its end after so many changes. `onStop` hears of each change that is not made. */
export function stopping(driver: StorageDriver, changes: number, onStop = () => {}): StorageDriver {
  let left = changes;
  const spend = () => {
    if (left === 0) {
      onStop();
      throw new Error('stopped');
    }
    left -= 1;
  };
  return {
    ...driver,
    async write(key, content, options) {
      spend();
      return driver.write(key, content, options);
    },
    async delete(key, options) {
      spend();
      return driver.delete(key, options);
    },
  };
}
