// Two servers on one store that do not know of each other: the later one does not go to work.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { announcePresence, StoreInUseError } from '../../src/maintenance/presence.ts';
import {
  isEnding,
  isOfDeadNeighbour,
  readWhereabouts,
  type Whereabouts,
} from '../../src/maintenance/whereabouts.ts';
import { SERVERS, serverSign } from '../../src/registry/layout.ts';
import type { StorageDriver } from '../../storage-drivers/driver.ts';
import { createMemoryDriver } from '../../storage-drivers/memory/memory-driver.ts';
import { berth, run } from '../process/berth-process.ts';
import { freePort, temporaryDirectory } from '../support/service.ts';

const INTERVAL_MS = 50;
const SETTINGS = { intervalMs: INTERVAL_MS };
/** Nobody has this number: Linux gives out none above 4194304 (proc_sys_kernel(5)). */
const DEAD_PID = 5_000_000;
const here = await readWhereabouts();
const elsewhere: Whereabouts = { host: 'elsewhere', boot: 'another', namespace: 'another', pid: 1 };

test('alone on a store, a server goes to work at once, shows its sign and takes it away', async () => {
  const driver = createMemoryDriver();
  const { log, lines } = openLog();
  const presence = await announcePresence(driver, log, { intervalMs: 60_000 });
  assert.equal((await driver.list(SERVERS)).length, 1);
  await presence.end();
  assert.deepEqual(await driver.list(SERVERS), []);
  assert.deepEqual(lines, []);
});

test('the sign is renewed', async (t) => {
  const driver = createMemoryDriver();
  const presence = await announcePresence(driver, openLog().log, SETTINGS);
  t.after(presence.end);
  const [sign] = await driver.list(SERVERS);
  assert.ok(sign);
  const version = async () => (await driver.stat(serverSign(sign.name))).version;
  const before = await version();
  while ((await version()) === before) await new Promise(setImmediate);
});

test('a sign that says that somebody works outlives a power cut', async () => {
  const driver = createMemoryDriver();
  const writes: unknown[] = [];
  const presence = await announcePresence(
    {
      ...driver,
      write(key, content, options) {
        writes.push([JSON.parse(Buffer.from(content).toString()).state, options?.durable]);
        return driver.write(key, content, options);
      },
    },
    openLog().log,
    { intervalMs: 60_000 },
  );
  await presence.end();
  assert.deepEqual(writes, [
    ['starting', false],
    ['working', true],
  ]);
});

test('a server whose sign is renewed keeps the next one out, which leaves no sign', async (t) => {
  const driver = createMemoryDriver();
  const other = showSigns(t, driver, { ...elsewhere, state: 'working' });
  const { log, lines } = openLog();
  await assert.rejects(announcePresence(driver, log, SETTINGS), (error) => {
    assert.ok(error instanceof StoreInUseError);
    assert.match(error.message, /redis/);
    return true;
  });
  assert.match(lines.join(), /another server may be at work/);
  const left = (await driver.list(SERVERS)).map(({ name }) => name);
  assert.deepEqual(left, [other]);
});

for (const [who, sign] of [
  ['a host that is gone', JSON.stringify({ ...elsewhere, state: 'working' })],
  ['nobody knows whom', 'torn'],
] as const) {
  test(`a sign of ${who} delays the start, and is taken away`, async (t) => {
    const driver = createMemoryDriver();
    await driver.write(serverSign('left'), Buffer.from(sign));
    const start = performance.now();
    const presence = await announcePresence(driver, openLog().log, SETTINGS);
    t.after(presence.end);
    assert.ok(performance.now() - start >= INTERVAL_MS * 3 - 1);
    assert.ok((await driver.list(SERVERS)).every(({ name }) => name !== 'left'));
  });
}

for (const [who, there] of [
  ['a process of this machine that is gone', { ...here, pid: DEAD_PID }],
  ['this container before it was restarted', { ...here, namespace: 'another' }],
] as const) {
  test(`a sign of ${who} delays nothing`, async (t) => {
    const driver = createMemoryDriver();
    await driver.write(serverSign('left'), Buffer.from(JSON.stringify({ ...there, state: 'working' })));
    const { log, lines } = openLog();
    // To wait three times as long would be noticed.
    const presence = await announcePresence(driver, log, { intervalMs: 3_600_000 });
    t.after(presence.end);
    assert.deepEqual(lines, []);
    assert.equal((await driver.list(SERVERS)).length, 1);
  });
}

test('of two that start at once, the one with the lower id goes on', async (t) => {
  for (const [id, goesOn] of [
    ['ffffffff', true],
    ['00000000', false],
  ] as const) {
    const driver = createMemoryDriver();
    showSigns(t, driver, { ...elsewhere, state: 'starting' }, `${id}${randomUUID().slice(8)}`);
    const announced = announcePresence(driver, openLog().log, SETTINGS);
    if (goesOn) await (await announced).end();
    else await assert.rejects(announced, StoreInUseError);
  }
});

test('a process is known to be gone only where its number can be looked up, or was this one’s', () => {
  const cases: readonly (readonly [Partial<Whereabouts>, boolean])[] = [
    [{ pid: DEAD_PID }, true],
    [{ pid: process.ppid }, false],
    [{}, true],
    [{ namespace: 'another' }, true],
    [{ namespace: 'another', pid: DEAD_PID }, false],
    [{ boot: 'another', pid: DEAD_PID }, false],
    [{ boot: 'another' }, false],
    [{ host: 'elsewhere', pid: DEAD_PID }, false],
  ];
  for (const [there, isGone] of cases) {
    assert.equal(isOfDeadNeighbour({ ...here, ...there }, here), isGone, JSON.stringify(there));
  }
});

test('a process whose first thread has ended is there as long as another one is', {
  skip: spawnSync('python3', ['--version']).status === 0 ? false : 'no python3 to end a thread alone',
}, async (t) => {
  // exit(2), and not exit_group(2), as when a process is killed while one of its threads waits for the disk.
  const program = `
import ctypes, threading, time
threading.Thread(target=lambda: time.sleep(60)).start()
print('up', flush=True)
ctypes.CDLL(None).syscall(${process.arch === 'arm64' ? 93 : 60}, 0)`;
  const child = spawn('python3', ['-c', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const { pid = 0 } = child;
  while (!/\) Z /.test(await readFile(`/proc/${pid}/stat`, 'utf8'))) await sleep(10);
  const here = await readWhereabouts();
  const killed = { ...here, pid: 2 ** 22 + 1, workers: [pid] };
  assert.ok(isEnding(killed, here));
  assert.ok(!isOfDeadNeighbour(killed, here));
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(!isEnding(killed, here));
  assert.ok(isOfDeadNeighbour(killed, here));
});

test('a store that cannot be written to ends the start', async () => {
  const driver: StorageDriver = {
    ...createMemoryDriver(),
    write: () => Promise.reject(new Error('the disk is full')),
  };
  await assert.rejects(announcePresence(driver, openLog().log, SETTINGS), /the disk is full/);
});

test('a second server without Redis ends with one clear line, and after kill -9 the next one starts', async (t) => {
  const rootDirectory = await temporaryDirectory(t);
  const start = async () => {
    const environment = {
      REGISTRY_HTTP_ADDR: `127.0.0.1:${await freePort()}`,
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: rootDirectory,
    };
    return run(t, [...berth, 'serve'], { directory: rootDirectory, environment });
  };
  const first = await start();
  await first.printed('Berth is up');
  const second = await start();
  assert.equal(await second.exited, 1);
  assert.match(second.stderr(), /^another server works on this store; .*redis.*\n$/);

  first.kill('SIGKILL');
  await first.exited;
  const third = await start();
  await third.printed('Berth is up');
  assert.doesNotMatch(third.stdout(), /another server may be at work/);
  third.kill('SIGTERM');
  assert.equal(await third.exited, 0);
  assert.deepEqual(await readdir(join(rootDirectory, SERVERS)), []);
});

function openLog() {
  const lines: string[] = [];
  return { log: pino({}, { write: (line: string) => void lines.push(line) }), lines };
}

/** Goes on showing a sign until the test ends, as another server would. Gives its id. */
function showSigns(t: TestContext, driver: StorageDriver, sign: object, id: string = randomUUID()): string {
  let round = 0;
  const show = () => {
    round += 1;
    return driver.write(serverSign(id), Buffer.from(JSON.stringify({ ...sign, round })));
  };
  void show();
  const timer = setInterval(() => void show(), INTERVAL_MS / 2);
  t.after(() => clearInterval(timer));
  return id;
}
