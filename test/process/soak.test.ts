// A server at work for a while: its memory stays where it is, no descriptor is left behind, and every event arrives.
// BERTH_SOAK_SECONDS says for how long; ten minutes show what half a minute cannot.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startSink } from '../support/event-sink.ts';
import { createRegistryClient, type RegistryClient } from '../support/registry-client.ts';
import { makeImage } from '../support/sample-image.ts';
import { startBerth, temporaryDirectory } from '../support/service.ts';

const SECONDS = Number(process.env['BERTH_SOAK_SECONDS'] ?? 20);
const CLIENTS = 6;
/** Tags of one client that are there at the same time. */
const KEPT = 20;
/** What the resident memory may vary by while it does not grow, in MiB. */
const MOST_GROWTH = 64;
/** Connections that the last requests have left open, and files that are read at the moment. */
const MOST_DESCRIPTORS_MORE = 16;
const skip =
  platform() === 'linux' ? false : 'memory and descriptors of another process are known on Linux only';

test(`a server that works for ${SECONDS} seconds keeps its memory and its descriptors, and tells everything`, {
  skip,
}, async (t) => {
  const sink = await startSink(t);
  const directory = await temporaryDirectory(t);
  const server = await startBerth({
    directory,
    configuration: {
      storage: { delete: { enabled: true } },
      notifications: { endpoints: [{ name: 'sink', url: sink.url, ignore: { actions: ['pull'] } }] },
    },
  });
  t.after(async () => void (await server.stop('SIGKILL')));
  const client = createRegistryClient(server.url);
  await client.pushImage('warm/app', makeImage('warm'), 'up');

  const descriptors = await descriptorsOf(server.pid);
  const samples: number[] = [];
  const end = Date.now() + SECONDS * 1000;
  const watching = (async () => {
    for (; Date.now() < end; await sleep(250)) samples.push(await residentOf(server.pid));
  })();
  const pushed = (await Promise.all(clientsUntil(end, client))).flat();
  await watching;

  const missing = () => {
    const arrived = new Set(sink.events().map(({ action, target }) => `${action} ${target['tag']}`));
    return pushed.filter((tag) => !arrived.has(`push ${tag}`));
  };
  for (let tries = 0; tries < 30 && missing().length > 0; tries += 1) await sleep(1_000);
  assert.deepEqual(missing(), []);

  const growth =
    medianOf(samples.slice(-samples.length / 4)) -
    medianOf(samples.slice(samples.length / 4, samples.length / 2));
  let more = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 50 && more > MOST_DESCRIPTORS_MORE; tries += 1, await sleep(200)) {
    more = (await descriptorsOf(server.pid)) - descriptors;
  }
  tell(t, { pushed: pushed.length, events: sink.events().length, growth, most: Math.max(...samples), more });
  assert.ok(growth < MOST_GROWTH, `${growth} MiB more`);
  assert.ok(more <= MOST_DESCRIPTORS_MORE, `${more} descriptors more`);
});

/** Each pushes, pulls, moves and deletes; resolves to the tags that it pushed. */
function clientsUntil(end: number, client: RegistryClient): Promise<string[]>[] {
  return Array.from({ length: CLIENTS }, async (_, number) => {
    const repository = `team-${number}/app`;
    const tags: string[] = [];
    for (let count = 0; Date.now() < end; count += 1) {
      const tag = `v${number}-${count}`;
      const image = makeImage(`${tag} of ${repository}`);
      await client.pushImage(repository, image, tag);
      tags.push(tag);
      await client.getManifest(repository, tag);
      for (const digest of image.blobs.keys()) await client.getBlob(repository, digest);
      const old = tags.at(-KEPT);
      if (old !== undefined) await client.send('DELETE', `/v2/${repository}/manifests/${old}`);
      if (count % 10 === 0) await client.listTags(repository);
    }
    return tags;
  });
}

function tell(t: TestContext, figures: Readonly<Record<string, number>>): void {
  const { pushed, events, growth, most, more } = figures;
  t.diagnostic(
    `${pushed} images, ${events} events; memory ${growth?.toFixed(1)} MiB more in the last quarter than in the second, at most ` +
      `${most?.toFixed(0)} MiB; ${more} descriptors more than at the start`,
  );
}

/** In MiB: VmRSS of proc_pid_status(5). */
async function residentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

async function descriptorsOf(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
