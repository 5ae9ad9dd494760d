// Blobs pushed at once, as docker pushes a layer.
import { warmDisk } from '../disk.ts';
import type { Load } from '../load/client.ts';
import { withCost } from '../processes.ts';
import type { Target } from '../targets.ts';
import type { Row } from './row.ts';
import { perGib, type Transfer, transferMetrics } from './transfer.ts';

export function createPushRow(load: Load, name: string, { title, streams, blobBytes }: Transfer): Row {
  const bytes = streams * blobBytes;
  const push = (target: Target, size: number, seed: string) =>
    load.run({
      kind: 'push',
      url: target.url,
      repository: `bench/${name}`,
      seed,
      streams,
      size,
      bucket: target.bucket,
    });
  return {
    name,
    metrics: transferMetrics(name, `push, ${title}`),
    onBuckets: true,
    prepare: async (target) => {
      const { digests } = await push(target, blobBytes / 4, `${name} prepare`);
      await target.discardBlobs?.(digests);
    },
    measure: async (target, round) => {
      await warmDisk(target.directory, bytes);
      const { result, cpuSeconds } = await withCost(target.pid, () =>
        push(target, blobBytes, `${name} ${round}`),
      );
      await target.discardBlobs?.(result.digests);
      return perGib(name, bytes, result.seconds, cpuSeconds);
    },
  };
}
