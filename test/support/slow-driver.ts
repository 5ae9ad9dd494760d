// A store whose every call takes some turns of the event loop, so that requests that run at once really interleave.
import type { StorageDriver } from '../../storage-drivers/driver.ts';

const TURNS = 3;

export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
}

export function slowDriver(driver: StorageDriver): StorageDriver {
  const slowly = async <T>(call: () => Promise<T>): Promise<T> => {
    await turns(TURNS);
    const result = await call();
    await turns(TURNS);
    return result;
  };
  return {
    name: driver.name,
    read: (key) => slowly(() => driver.read(key)),
    write: (key, content, options) => slowly(() => driver.write(key, content, options)),
    stat: (key) => slowly(() => driver.stat(key)),
    openRead: (key, range) => slowly(() => driver.openRead(key, range)),
    list: (prefix, options) => slowly(() => driver.list(prefix, options)),
    delete: (key, options) => slowly(() => driver.delete(key, options)),
    append: (write, content, options) => slowly(() => driver.append(write, content, options)),
    openStaged: (write) => slowly(() => driver.openStaged(write)),
    commit: (write, key, options) => slowly(() => driver.commit(write, key, options)),
    abort: (write) => slowly(() => driver.abort(write)),
  };
}
