// Wraps any driver so that what is true of all of them is written once: a bad key never reaches it, nothing but a
// DriverError leaves it, and every call is timed.
import type { CommitOptions, ObjectReader, StagedWrite, StorageDriver } from './driver.ts';
import { DriverError, type DriverErrorCode } from './errors.ts';
import { isValidKey } from './keys.ts';
import { watchSource } from './watched-source.ts';

export interface CheckedDriverOptions {
  /**
   * Called once at the end of every call, failed ones included: the method's name, how long it took in seconds, and what
   * it threw. `openRead` and `openStaged` end when the reader is there, not when it was read. Must not throw.
   */
  readonly onAction?: (action: string, seconds: number, error?: unknown) => void;
}

/**
 * The same driver, with its keys checked (`invalidKey`) and foreign errors made into `DriverError('failed')` with the
 * cause. An error thrown by the `content` that a caller hands to `append` passes through unchanged.
 */
export function createCheckedDriver(
  driver: StorageDriver,
  { onAction }: CheckedDriverOptions = {},
): StorageDriver {
  const { name } = driver;
  const presignRead = driver.presignRead?.bind(driver);
  const recover = driver.recover?.bind(driver);
  const settle = driver.settle?.bind(driver);
  const sight = driver.sight?.bind(driver);

  return {
    name,
    ...(driver.stagesInPlace && { stagesInPlace: driver.stagesInPlace }),
    read: (key) => run('read', [key], () => driver.read(key)),
    write: (key, content, options) =>
      run('write', [key, ...keysBehind(options)], () => driver.write(key, content, options)),
    stat: (key) => run('stat', [key], () => driver.stat(key)),
    openRead: (key, range) =>
      run('openRead', [key], async () => checkedReader(await driver.openRead(key, range), 'openRead', key)),
    list: (prefix, options) => run('list', prefix === '' ? [] : [prefix], () => driver.list(prefix, options)),
    delete: (key, options) => run('delete', [key], () => driver.delete(key, options)),

    append(write, content, options) {
      const source = watchSource(content);
      return run(
        'append',
        write.target === undefined ? [write.key] : [write.key, write.target],
        () => {
          checkSize('append', write);
          return driver.append(write, source.content, options);
        },
        source.threw,
      );
    },

    openStaged: (write) =>
      run('openStaged', [write.key], async () => {
        checkSize('openStaged', write);
        return checkedReader(await driver.openStaged(write), 'openStaged', write.key);
      }),

    commit: (write, key, options) =>
      run('commit', [write.key, key, ...keysBehind(options)], () => {
        checkSize('commit', write);
        return driver.commit(write, key, options);
      }),

    abort: (write) => run('abort', [write.key], () => driver.abort(write)),

    ...(presignRead && {
      presignRead: (key, options) => run('presignRead', [key], () => presignRead(key, options)),
    }),

    ...(recover && { recover: (exclusively) => run('recover', [], () => recover(exclusively)) }),
    ...(settle && { settle: () => run('settle', [], settle) }),

    // Not timed: it takes less than that.
    ...(sight && {
      sight(key) {
        if (key !== '' && !isValidKey(key)) throw failure('invalidKey', 'sight', key);
        return sight(key);
      },
    }),
  };

  async function run<T>(
    action: string,
    keys: readonly string[],
    call: () => Promise<T>,
    isCallers: (error: unknown) => boolean = () => false,
  ): Promise<T> {
    const start = performance.now();
    const passed = () => (performance.now() - start) / 1000;
    try {
      for (const key of keys) if (!isValidKey(key)) throw failure('invalidKey', action, key);
      const result = await call();
      onAction?.(action, passed());
      return result;
    } catch (error) {
      const thrown = isCallers(error) ? error : translated(error, action, keys[0] ?? '');
      onAction?.(action, passed(), thrown);
      throw thrown;
    }
  }

  function checkedReader(reader: ObjectReader, action: string, key: string): ObjectReader {
    return {
      size: reader.size,
      version: reader.version,
      modifiedAt: reader.modifiedAt,
      ...(reader.seal !== undefined && { seal: reader.seal }),
      content: checkedContent(reader.content, action, key),
      close: () => reader.close(),
    };
  }

  /** Not a generator: one that was never started does not tell the inner iterator that it was given up. */
  function checkedContent(
    content: AsyncIterable<Uint8Array>,
    action: string,
    key: string,
  ): AsyncIterable<Uint8Array> {
    return {
      [Symbol.asyncIterator]() {
        const inner = content[Symbol.asyncIterator]();
        return {
          async next() {
            try {
              return await inner.next();
            } catch (error) {
              throw translated(error, action, key);
            }
          },
          async return() {
            await inner.return?.();
            return { done: true, value: undefined };
          },
        };
      },
    };
  }

  /** A staged write comes back from outside, as JSON: its size decides where bytes are written. */
  function checkSize(action: string, write: StagedWrite): void {
    if (Number.isSafeInteger(write.size) && write.size >= 0) return;
    throw failure('failed', action, write.key, new RangeError(`${write.size} is not a size`));
  }

  function translated(error: unknown, action: string, key: string): DriverError {
    return error instanceof DriverError ? error : failure('failed', action, key, error);
  }

  function failure(code: DriverErrorCode, action: string, key: string, cause?: unknown): DriverError {
    return new DriverError(code, { driver: name, action, key, cause });
  }
}

function keysBehind({ followers = [] }: CommitOptions = {}): readonly string[] {
  return followers.map(({ key }) => key);
}
