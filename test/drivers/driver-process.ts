// A process of its own that runs one scenario on the filesystem driver, so that a test can limit it, take its rights away
// or watch its system calls. Arguments: the root directory the scenario's name, and the durability. It prints one JSON object: what each
// step came to ('done' or the error's code), in order.
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createCheckedDriver } from '../../storage-drivers/checked.ts';
import { newStagedWrite, type StagedWrite, type StorageDriver } from '../../storage-drivers/driver.ts';
import { DriverError } from '../../storage-drivers/errors.ts';
import { createDirectorySync } from '../../storage-drivers/filesystem/directory-sync.ts';
import { createDiskThread } from '../../storage-drivers/filesystem/disk-thread.ts';
import { createFilesystemDriver } from '../../storage-drivers/filesystem/filesystem-driver.ts';
import { createSyncs, type Durability } from '../../storage-drivers/filesystem/syncs.ts';
import { bytes, chunksOf, equalBytes, gather, MIB, pattern, text } from './content.ts';

export type Outcome = Readonly<Record<string, string>>;

type Step = (name: string, run: () => Promise<unknown>) => Promise<void>;
type Scenario = (driver: StorageDriver, step: Step, root: string) => Promise<void>;

const LARGE = pattern(3 * MIB);
const STAGED = newStagedWrite('uploads/1/data');

const scenarios: Readonly<Record<string, Scenario>> = {
  /** Every kind of change, for an audit of the order of its system calls. */
  async changes(driver, step, root) {
    let write: StagedWrite = STAGED;
    await step('write into new directories', () => driver.write('a/b/c', bytes('first')));
    await step('write into known directories', () => driver.write('a/b/d', bytes('second')));
    await step('replace', () => driver.write('a/b/c', bytes('third')));
    await step('append', async () => {
      write = await driver.append(write, chunksOf(LARGE));
    });
    await step('append more', async () => {
      write = await driver.append(write, chunksOf(LARGE));
    });
    await step('passing append', async () => {
      const few = await driver.append(newStagedWrite('passing/data'), chunksOf(bytes('few')), {
        durable: false,
      });
      await driver.append(few, chunksOf(bytes(' more')), { durable: false });
    });
    await step('commit', () => driver.commit(write, 'blobs/x/data'));
    await step('delete object', () => driver.delete('a/b/c'));
    await step('delete tree', () => driver.delete('blobs'));
    await step('write into removed directories', () => driver.write('blobs/x/data', bytes('again')));
    await step('passing write', () => driver.write('cache/x', bytes('x'), { durable: false }));
    mkdirSync(join(root, 'foreign/deep'), { recursive: true });
    await step('write into foreign directories', () => driver.write('foreign/deep/x', bytes('x')));
    rmSync(join(root, 'foreign'), { recursive: true });
    mkdirSync(join(root, 'foreign/deep'), { recursive: true });
    await step('write into replaced directories', () => driver.write('foreign/deep/x', bytes('x')));
    const disk = createDiskThread();
    const syncs = createSyncs('strict');
    const { sync } = createDirectorySync(disk, syncs);
    await step('ten syncs at once', () => Promise.all(Array.from({ length: 10 }, () => sync(root))));
    const begun = Promise.withResolvers<void>();
    const { sync: watchedSync } = createDirectorySync(disk, {
      ...syncs,
      all(file) {
        begun.resolve();
        return syncs.all(file);
      },
    });
    await step('ten syncs while one is under way', async () => {
      const first = watchedSync(root);
      await begun.promise;
      await Promise.all([first, ...Array.from({ length: 10 }, () => watchedSync(root))]);
    });
  },

  /** Many small uploads at the same time, as a registry takes them. What is promised is marked in the trace. */
  async many(driver, step) {
    const lanes = Array.from({ length: 12 }, (_, lane) => lane);
    const push = async (name: string, lane: number) => {
      const repository = `repositories/${lane % 3}`;
      const upload = `${repository}/uploads/${name}`;
      const [write] = await Promise.all([
        driver.append(newStagedWrite(`${upload}/data`), chunksOf(pattern(1000 + lane))),
        driver.write(`${upload}/startedat`, bytes('today'), { fresh: true }),
      ]);
      promised(`${upload}/data`);
      promised(`${upload}/startedat`);
      const blob = `blobs/${lane % 2}/${name}/data`;
      const link = `${repository}/layers/${name}/link`;
      const kept = driver.commit(write, blob).then(() => promised(blob));
      await Promise.all([kept, driver.write(link, bytes(name), { after: kept })]);
      promised(link);
      await driver.write(`${repository}/tag`, bytes(name));
      promised(`${repository}/tag`);
      await driver.delete(upload, { durable: false });
    };
    await step('many at once', () =>
      Promise.all(
        lanes.map(async (lane) => {
          for (let round = 0; round < 4; round += 1) await push(`${lane}-${round}`, lane);
        }),
      ),
    );
  },

  /** A small write over an old value, with a store that does not work. */
  async replace(driver, step) {
    await step('replace', () => driver.write('kept/object', bytes('new')));
    await step('read', async () => assertText(await driver.read('kept/object'), 'old'));
  },

  /** An append that fails at its end, and one that does not. */
  async append(driver, step) {
    await step('append', () => driver.append({ key: 'uploads/1/data', size: 4 }, chunksOf(LARGE)));
    await step('append again', async () => {
      const write = await driver.append({ key: 'uploads/1/data', size: 4 }, chunksOf(LARGE));
      await driver.commit(write, 'blob');
      const content = Buffer.concat([bytes('kept'), LARGE]);
      if (!equalBytes(await driver.read('blob'), content)) throw new Error('other bytes');
    });
  },

  /** Reads of a store that does not work. */
  async read(driver, step) {
    await step('read', () => driver.read('kept/object'));
    await step('openRead', async () => gather(await driver.openRead('kept/object')));
    await step('stat', () => driver.stat('kept/object'));
  },

  /** Without the right to write to some directories, or to read some files. */
  async forbidden(driver, step) {
    await step('read', () => driver.read('secret/object'));
    await step('openRead', () => driver.openRead('secret/object'));
    await step('write', () => driver.write('closed/object', bytes('x')));
    await step('write below', () => driver.write('closed/new/object', bytes('x')));
    await step('append', () => driver.append(newStagedWrite('closed/staged'), chunksOf(LARGE)));
    await step('delete', () => driver.delete('closed/object'));
    await step('delete tree', () => driver.delete('closed/tree'));
    await step('list', () => driver.list('secret/folder'));
    await step('write elsewhere', () => driver.write('open/object', bytes('x')));
  },

  /** Takes every file descriptor that the limit leaves, and then gives them back. */
  async exhausted(driver, step) {
    await driver.write('kept/object', bytes('old'));
    const write = await driver.append(STAGED, chunksOf(bytes('kept')));
    const readers = await takeAllFiles(driver);
    await step('read', () => driver.read('kept/object'));
    await step('openRead', () => driver.openRead('kept/object'));
    await step('write', () => driver.write('kept/object', bytes('new')));
    await step('append', () => driver.append(write, chunksOf(bytes(' on'))));
    await step('list', () => driver.list('kept'));
    await Promise.all(readers.map((reader) => reader.close()));
    await step('read later', async () => assertText(await driver.read('kept/object'), 'old'));
    await step('append later', async () => {
      await driver.commit(await driver.append(write, chunksOf(bytes(' on'))), 'blob');
      assertText(await driver.read('blob'), 'kept on');
    });
  },
};

async function takeAllFiles(driver: StorageDriver) {
  const readers = [];
  for (;;) {
    try {
      readers.push(await driver.openRead('kept/object'));
    } catch (error) {
      if (error instanceof DriverError && error.code === 'busy') return readers;
      throw error;
    }
  }
}

function assertText(content: Uint8Array, expected: string): void {
  if (text(content) !== expected) throw new Error(`${text(content)} instead of ${expected}`);
}

/** From this call on, which a trace shows, the object is promised to be durable. */
function promised(key: string): void {
  existsSync(`/step/promised/${key}`);
}

/** Between these calls, which a trace shows, the step was run. */
function mark(point: 'begin' | 'end', name: string): void {
  existsSync(`/step/${point}/${name}`);
}

async function runScenario(root: string, scenario: Scenario, durability: Durability): Promise<Outcome> {
  const outcome: Record<string, string> = {};
  const attempt = async <T>(name: string, run: () => Promise<T>): Promise<T | undefined> => {
    mark('begin', name);
    try {
      const result = await run();
      outcome[name] = 'done';
      return result;
    } catch (error) {
      outcome[name] = error instanceof DriverError ? error.code : String(error);
      return undefined;
    } finally {
      mark('end', name);
    }
  };
  const driver = await attempt('open', () => createFilesystemDriver({ rootDirectory: root, durability }));
  if (driver === undefined) return outcome;
  const step: Step = async (name, run) => {
    await attempt(name, run);
  };
  await scenario(createCheckedDriver(driver), step, root);
  return outcome;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [root = '', name = '', durability] = process.argv.slice(2);
  const scenario = scenarios[name];
  if (scenario === undefined) throw new Error(`no scenario ${name}`);
  process.stdout.write(
    JSON.stringify(await runScenario(root, scenario, durability === 'relaxed' ? 'relaxed' : 'strict')),
  );
}
