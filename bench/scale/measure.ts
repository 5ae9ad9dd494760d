// Starts Berth on the large store and on the small one, gives both the same errands in turn, and notes what each took.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Service, startBerth } from '../../test/support/service.ts';
import { type Connection, openConnection } from '../load/connection.ts';
import { readCpuSeconds, readResidentBytes } from '../processes.ts';
import type { Amounts } from './contents.ts';
import { type Errand, planErrands } from './requests.ts';

export interface FilledStore {
  /** The storage root directory. */
  readonly directory: string;
  readonly amounts: Amounts;
}

/** What was measured of one store; of an errand, each time that it was done. */
export interface Spent {
  readonly figure: number;
  /** Of processor time, by a clock with steps of 10 ms. Absent where that says nothing. */
  readonly cpuMs?: number;
}

export interface Reading {
  readonly title: string;
  readonly unit: 'ms' | 'MiB';
  readonly large: Spent;
  readonly small: Spent;
}

interface Sitting {
  readonly service: Service;
  readonly startMs: number;
  readonly idleBytes: number;
}

/** How long a server is left alone before its memory is looked at. */
const IDLE_MS = 2000;
const QUIET_MS = 500;
const QUIET_CPU_SECONDS = 0.02;
const MIB = 1024 ** 2;
const configuration = {
  log: { level: 'error', accesslog: { disabled: true } },
  storage: { delete: { enabled: true } },
};

/** One round. Throws `WrongAnswer`, and what starting a server throws; no server is left running then. */
export async function measureRound(
  stores: readonly [large: FilledStore, small: FilledStore],
  round: number,
): Promise<readonly Reading[]> {
  await using tidy = new AsyncDisposableStack();
  const sittings = await inTurns(round, stores, (store) => begin(store, tidy));
  const label = `${Date.now().toString(36)}-${round}`;
  const plans = await inTurns(0, [0, 1] as const, async (which) => {
    const { url } = sittings[which].service;
    const connection = await openConnection(url);
    tidy.defer(async () => connection.close());
    const { pid } = sittings[which].service;
    const errands = await planErrands(stores[which].amounts, label, url, () => untilIdle(pid));
    return { pid, connection, errands };
  });
  const readings: Reading[] = [
    reading('start to first answer', 'ms', sittings, ({ startMs }) => startMs),
    reading('resident memory, idle', 'MiB', sittings, ({ idleBytes }) => idleBytes / MIB),
  ];
  for (const [index, { title }] of plans[0].errands.entries()) {
    const [large, small] = await inTurns(round + index, plans, ({ pid, connection, errands }) =>
      spend(pid, connection, errands[index]),
    );
    readings.push({ title, unit: 'ms', large, small });
  }
  const bytes = await inTurns(round, sittings, ({ service }) => readResidentBytes(service.pid));
  readings.push(reading('resident memory, afterwards', 'MiB', bytes, (count) => count / MIB));
  return readings;
}

async function begin({ directory }: FilledStore, tidy: AsyncDisposableStack): Promise<Sitting> {
  const start = performance.now();
  const service = await startBerth({ directory, configuration });
  const startMs = performance.now() - start;
  tidy.defer(async () => void (await service.stop()));
  await sleep(IDLE_MS);
  return { service, startMs, idleBytes: await readResidentBytes(service.pid) };
}

async function spend(pid: number, connection: Connection, errand: Errand | undefined): Promise<Spent> {
  if (errand === undefined) throw new TypeError('both servers have the same errands');
  const before = await readCpuSeconds(pid);
  const start = performance.now();
  for (let count = 0; count < errand.times; count += 1) await errand.run(connection);
  const ms = (performance.now() - start) / errand.times;
  const cpuMs = ((await readCpuSeconds(pid)) - before) * 1000;
  return { figure: ms, cpuMs: cpuMs / errand.times };
}

function reading<T>(
  title: string,
  unit: Reading['unit'],
  [large, small]: readonly [T, T],
  figureOf: (one: T) => number,
): Reading {
  return { title, unit, large: { figure: figureOf(large) }, small: { figure: figureOf(small) } };
}

/** Until it has spent next to nothing for a while. */
async function untilIdle(pid: number): Promise<void> {
  for (let before = await readCpuSeconds(pid); ; ) {
    await sleep(QUIET_MS);
    const now = await readCpuSeconds(pid);
    if (now - before <= QUIET_CPU_SECONDS) return;
    before = now;
  }
}

/** Both, one after the other; every second time the second one first. */
async function inTurns<In, Out>(
  turn: number,
  [large, small]: readonly [In, In],
  work: (one: In) => Promise<Out>,
): Promise<readonly [Out, Out]> {
  if (turn % 2 === 0) return [await work(large), await work(small)];
  const ofSmall = await work(small);
  return [await work(large), ofSmall];
}
