// A server that is killed while clients write, again and again on one directory, and must never have lost, invented or broken
// anything. BERTH_CRASH_SEED makes a run again, as far as chance allows.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasEnded } from '../../storage-drivers/process-state.ts';
import { childrenOf } from '../support/processes.ts';
import { startBerth, temporaryDirectory } from '../support/service.ts';
import { auditAll, auditSome } from './audit.ts';
import { createLedger } from './ledger.ts';
import { createRandom } from './random.ts';
import { assertStoreIsSound } from './store.ts';
import { openLine, type World } from './world.ts';
import { createWriter } from './writer.ts';

const WRITERS = 10;
const SEED = Number(process.env['BERTH_CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
const SHORT_LIVES = [20, 300] as const;
/** Only failures are logged. */
const CONFIGURATION = { storage: { delete: { enabled: true } }, log: { accesslog: { disabled: true } } };
/** Everything is looked at after so many kills. */
const WHOLE_AUDIT_EVERY = 25;

export interface KillOptions {
  readonly kills: number;
  /** @default a fresh one */
  readonly directory?: string;
  /** How many processes the server has, in one life after the other. @default [1] */
  readonly workers?: readonly number[];
  /**
   * The least and the most milliseconds that the clients have before the server is killed.
   * @default [20, 300]
   */
  readonly livesMs?: readonly [number, number];
  /** What befalls the store after each kill, beside the kill itself. No process of the server is there any more. */
  readonly afterKill?: (world: World) => Promise<void>;
}

/** Throws where a server that was started again gives an answer that cannot be. */
export async function killAgainAndAgain(
  context: TestContext,
  { kills, workers: sizes = [1], livesMs = SHORT_LIVES, afterKill, ...options }: KillOptions,
): Promise<void> {
  context.diagnostic(`BERTH_CRASH_SEED=${SEED} for ${kills} kills`);
  const random = createRandom(SEED);
  const directory = options.directory ?? (await temporaryDirectory(context));
  const world: World = {
    ledger: createLedger(),
    manifests: new Map(),
    uploads: new Map(),
    repositories: ['app', 'app/web', 'team/one', 'team/two'],
  };
  const writers = Array.from({ length: WRITERS }, (_, number) => createWriter(world, random.fork(), number));
  let done = 0;
  let startingMs = 0;
  for (let kill = 0; kill <= kills; kill += 1) {
    const begun = performance.now();
    const workers = sizes[kill % sizes.length] ?? 1;
    const configuration = workers === 1 ? CONFIGURATION : { ...CONFIGURATION, http: { workers } };
    const server = await startBerth({ directory, configuration });
    startingMs += performance.now() - begun;
    const line = openLine(server.url);
    try {
      await assertNothingLeftOver(directory);
      const isLast = kill === kills;
      const audit = isLast || kill % WHOLE_AUDIT_EVERY === 0 ? auditAll : auditSome;
      await audit(world, line, random);
      if (isLast) continue;
      const writing = Promise.allSettled(writers.map((writer) => writer.write(line)));
      await sleep(random.integer(...livesMs));
      if (workers > 1) {
        killIfThere(random.pick(await childrenOf(server.pid)));
        await sleep(random.integer(...livesMs));
      }
      const left = await childrenOf(server.pid);
      await server.stop('SIGKILL');
      for (const result of await writing) {
        if (result.status === 'rejected') throw result.reason;
        done += result.value;
      }
      if (afterKill !== undefined) {
        for (const pid of left) await untilGone(pid);
        await afterKill(world);
      }
    } catch (error) {
      // Its last words, such as the cause of an answer of 500, may still be on their way.
      await sleep(100);
      throw new Error(`after kill ${kill}, with this in the log: ${failuresIn(server.output())}`, {
        cause: error,
      });
    } finally {
      await server.stop('SIGKILL');
    }
    assert.equal(failuresIn(server.output()), '');
  }
  await assertStoreIsSound(directory, afterKill !== undefined);
  assert.ok(done > kills, `only ${done} things were done between ${kills} kills`);
  const start = Math.round(startingMs / (kills + 1));
  const things = world.ledger.cells().length;
  context.diagnostic(
    `${kills} kills, ${done} actions, ${things} things looked after, up again in ${start} ms`,
  );
}

function killIfThere(pid: number | undefined): void {
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
}

/** Who has lost the primary ends by itself, some milliseconds later. */
async function untilGone(pid: number): Promise<void> {
  for (;;) {
    const state = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
    if (state === undefined || hasEnded(state)) return;
    await sleep(5);
  }
}

/** That a worker died is what was done to it. */
function failuresIn(log: string): string {
  const expected = /"level":"(info|debug)"|"signal":"SIGKILL","msg":"a worker has died/;
  const lines = log.split('\n').filter((line) => line !== '' && !expected.test(line));
  return lines.join('\n');
}

/** What a killed server leaves of its own is cleared away by the next one before it answers. */
async function assertNothingLeftOver(directory: string): Promise<void> {
  for (const folder of ['incoming', 'trash']) {
    assert.deepEqual(await readdir(join(directory, '.berth', folder)), [], folder);
  }
}
