// What the wrapper around every driver adds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCheckedDriver } from '../../storage-drivers/checked.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { DriverError } from '../../storage-drivers/errors.ts';
import { drivers } from '../../storage-drivers/index.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { bytes, failingAfter, gather } from './content.ts';

test('a foreign error becomes a DriverError with the cause', async () => {
  const cause = new TypeError('not expected');
  const driver = createCheckedDriver(brokenDriver(() => cause));
  for (const [action, call] of callsOf(driver)) {
    await assert.rejects(call, { name: 'DriverError', code: 'failed', driver: 'memory', action, cause });
  }
});

test("a driver's own error stays as it is", async () => {
  const error = new DriverError('busy', { driver: 'memory', action: 'any', key: 'a' });
  const driver = createCheckedDriver(brokenDriver(() => error));
  for (const [, call] of callsOf(driver)) await assert.rejects(call, error);
});

test('a foreign error in the middle of a reader becomes a DriverError, and the reader is told of a break', async () => {
  const cause = new TypeError('not expected');
  let returned = 0;
  const driver = createCheckedDriver({
    ...createMemoryDriver(),
    openRead: async () => ({
      size: 5,
      version: '1',
      modifiedAt: new Date(0),
      content: {
        [Symbol.asyncIterator]: () => ({
          next: async () => {
            throw cause;
          },
          return: async () => {
            returned += 1;
            return { done: true, value: undefined };
          },
        }),
      },
      close: async () => {},
    }),
  });
  await assert.rejects(gather(await driver.openRead('a')), { code: 'failed', action: 'openRead', cause });
  await (await driver.openRead('a')).content[Symbol.asyncIterator]().return?.();
  assert.equal(returned, 1);
});

test('every call is reported once, with its time and its error', async () => {
  const seen: [string, unknown][] = [];
  const driver = createCheckedDriver(createMemoryDriver(), {
    onAction(action, seconds, error) {
      assert.ok(seconds >= 0);
      seen.push([action, error === undefined ? 'done' : error]);
    },
  });
  const gone = new Error('the client went away');
  await driver.write('a', bytes('x'));
  await driver.list('');
  await assert.rejects(driver.append({ key: 'b', size: 0 }, failingAfter(bytes('y'), gone)), gone);
  const [, , thrown] = await Promise.allSettled([driver.delete('a'), driver.stat('a'), driver.read('/')]);
  assert.deepEqual(seen.map(([action]) => action).toSorted(), [
    'append',
    'delete',
    'list',
    'read',
    'stat',
    'write',
  ]);
  assert.equal(seen.find(([action]) => action === 'append')?.[1], gone);
  assert.equal(seen.find(([action]) => action === 'read')?.[1], Reflect.get(thrown, 'reason'));
});

test('the drivers are known by the names of the configuration', () => {
  assert.deepEqual(Object.keys(drivers), ['filesystem', 'memory', 's3']);
});

function brokenDriver(error: () => Error): StorageDriver {
  const fail = async () => {
    throw error();
  };
  return {
    name: 'memory',
    read: fail,
    write: fail,
    stat: fail,
    openRead: fail,
    list: fail,
    delete: fail,
    append: fail,
    openStaged: fail,
    commit: fail,
    abort: fail,
  };
}

function callsOf(driver: StorageDriver): [string, () => Promise<unknown>][] {
  const write = { key: 'a', size: 0 };
  return [
    ['read', () => driver.read('a')],
    ['write', () => driver.write('a', bytes('x'))],
    ['stat', () => driver.stat('a')],
    ['openRead', () => driver.openRead('a')],
    ['list', () => driver.list('a')],
    ['delete', () => driver.delete('a')],
    ['append', () => driver.append(write, failingAfter(bytes('x'), new Error('not reached')))],
    ['openStaged', () => driver.openStaged(write)],
    ['commit', () => driver.commit(write, 'b')],
    ['abort', () => driver.abort(write)],
  ];
}
