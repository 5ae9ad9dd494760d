// Power cuts: the server is killed while clients write, and with it goes all that its file system has not brought to the disk.
// BERTH_CRASH_CUTS sets how often.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { createRegistryClient } from '../support/registry-client.ts';
import { digestOf } from '../support/sample-image.ts';
import { startBerth } from '../support/service.ts';
import { type KillOptions, killAgainAndAgain } from './again-and-again.ts';
import { type Disk, mountDisk, whyNoDisk } from './disk.ts';
import type { World } from './world.ts';

const CUTS = Number(process.env['BERTH_CRASH_CUTS'] ?? 25);
/** They are aimed at the moment when a log is a second old, and is done with. */
const LATE_CUTS = Math.ceil(CUTS / 8);
/** Somebody else may bring everything to the disk just then (sync), but hardly each time. */
const ATTEMPTS = 5;

for (const type of ['ext4', 'xfs'] as const) {
  describe(`on ${type}`, { skip: whyNoDisk(type) }, () => {
    test('a power cut takes nothing that was answered, and leaves no wrong answer', async (context) => {
      const disk = await mountDisk(context, type);
      await killAgainAndAgain(context, { kills: CUTS, ...cutting(disk) });
    });

    test('nor does one that comes when the log of small writes has been emptied', async (context) => {
      const disk = await mountDisk(context, type);
      await killAgainAndAgain(context, { kills: LATE_CUTS, livesMs: [1_050, 1_400], ...cutting(disk) });
    });

    test('what one process wrote down first, several make anew, and the other way round', async (context) => {
      const disk = await mountDisk(context, type);
      await killAgainAndAgain(context, { kills: LATE_CUTS, workers: [1, 2], ...cutting(disk) });
    });

    test('relaxed, it takes what was pushed last, and no wrong byte is answered', async (context) => {
      const disk = await mountDisk(context, type);
      let lost = 0;
      for (let attempt = 0; attempt < ATTEMPTS && lost === 0; attempt += 1) {
        lost += await pushAndCut(context, disk, attempt);
      }
      assert.ok(lost > 0, 'a power cut takes something: the test is one');
    });
  });
}

function cutting(disk: Disk): Pick<KillOptions, 'directory' | 'afterKill'> {
  return {
    directory: join(disk.directory, 'store'),
    async afterKill(world) {
      await disk.cut();
      forgetEndedUploads(world);
    },
  };
}

/** That an upload has ended need not last: it is purged then like any other one that nobody finishes. */
function forgetEndedUploads({ ledger }: World): void {
  for (const cell of ledger.cells()) {
    if (cell.kind === 'upload' && ledger.settled(cell) === undefined) ledger.forget(cell);
  }
}

/** Resolves to how many of some blobs are gone. The others have their bytes. */
async function pushAndCut(context: TestContext, disk: Disk, attempt: number): Promise<number> {
  const directory = join(disk.directory, 'store');
  const filesystem = { rootdirectory: directory, durability: 'relaxed' };
  const start = () => startBerth({ directory, configuration: { storage: { filesystem } } });
  const contents = Array.from({ length: 8 }, (_, number) => Buffer.alloc(5_000, `${attempt} ${number} `));
  const before = await start();
  context.after(() => before.stop('SIGKILL'));
  for (const content of contents) await createRegistryClient(before.url).pushBlob('app', content);
  await before.stop('SIGKILL');
  await disk.cut();
  const after = await start();
  context.after(() => after.stop('SIGKILL'));
  let lost = 0;
  for (const content of contents) {
    const response = await createRegistryClient(after.url).send('GET', `/v2/app/blobs/${digestOf(content)}`);
    if (response.status === 200) assert.deepEqual(Buffer.from(await response.bytes()), content);
    else assert.equal(response.status, 404);
    if (response.status === 404) lost += 1;
  }
  await after.stop('SIGKILL');
  return lost;
}
