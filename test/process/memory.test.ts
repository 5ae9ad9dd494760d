// How much memory many transfers take at once: that of their buffers, not that of their contents.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { platform } from 'node:os';
import { test } from 'node:test';
import { createRandom } from '../crash/random.ts';
import { digestOf } from '../support/sample-image.ts';
import { startBerth, temporaryDirectory } from '../support/service.ts';
import { pushBlob, readAll, readHead } from './transfers.ts';

const TRANSFERS = 64;
/** Readers that take the beginning of a blob and then nothing for as long as the others run. */
const STALLED = 64;
const SIZE = 16 * 1024 * 1024;
const MOST_KIB = 300 * 1024;
const skip =
  platform() === 'linux' ? false : 'the peak of the memory of another process is known on Linux only';

test('64 pushes and 64 pulls at once, with slow readers, stay below 300 MB', { skip }, async (context) => {
  const directory = await temporaryDirectory(context);
  const server = await startBerth({ directory });
  context.after(async () => void (await server.stop('SIGKILL')));
  const content = createRandom(11).bytes(SIZE);
  const blobs = Array.from({ length: TRANSFERS }, (_, index) => {
    const head = Buffer.from(`blob ${index}\n`);
    return { head, digest: digestOf(Buffer.concat([head, content.subarray(head.length)])) };
  });
  await Promise.all(
    blobs.map(({ head, digest }) =>
      pushBlob(server.port, digest, [head, content.subarray(head.length)], SIZE),
    ),
  );
  context.diagnostic(`after the pushes: ${await peakOf(server.pid)} KiB`);

  const stalled: Promise<Socket>[] = [];
  for (let count = 0; count < STALLED; count += 1) {
    stalled.push(readHead(server.port, blobs[count % TRANSFERS]?.digest ?? ''));
  }
  const readers = await Promise.all(stalled);
  const sizes = await Promise.all(blobs.map(({ digest }) => readAll(server.port, digest)));
  assert.deepEqual(new Set(sizes), new Set([SIZE]));
  for (const reader of readers) reader.destroy();
  const peak = await peakOf(server.pid);
  context.diagnostic(`after the pulls: ${peak} KiB`);
  assert.ok(peak < MOST_KIB, `${peak} KiB`);
});

/** The most memory that the process ever had, in KiB: VmHWM of proc_pid_status(5). */
async function peakOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]);
}
