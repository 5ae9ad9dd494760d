// Blobs pulled at once, each on its own connection, from the page cache: they were pushed a moment ago.
import type { Load } from '../load/client.ts';
import type { Done } from '../load/job.ts';
import { withCost } from '../processes.ts';
import type { Target } from '../targets.ts';
import type { Row } from './row.ts';
import { perGib, type Transfer, transferMetrics } from './transfer.ts';

export function createPullRow(load: Load, name: string, { title, streams, blobBytes }: Transfer): Row {
  const bytes = streams * blobBytes;
  const repository = `bench/${name}`;
  const pushed = new Map<Target, readonly string[]>();
  const pull = (target: Target): Promise<Done> => {
    const { url, bucket } = target;
    const digests = [...(pushed.get(target) ?? [])];
    return load.run({ kind: 'pull', url, repository, digests, size: blobBytes, bucket });
  };
  return {
    name,
    metrics: transferMetrics(name, `pull, ${title}`),
    onBuckets: true,
    prepare: async (target) => {
      const done = await load.run({
        kind: 'push',
        url: target.url,
        repository,
        seed: name,
        streams,
        size: blobBytes,
        bucket: target.bucket,
      });
      pushed.set(target, done.digests);
      await pull(target);
    },
    measure: async (target) => {
      const { result, cpuSeconds } = await withCost(target.pid, () => pull(target));
      return perGib(name, bytes, result.seconds, cpuSeconds);
    },
    verify: async (target) => {
      const { url, bucket } = target;
      const [digest = ''] = pushed.get(target) ?? [];
      await load.run({ kind: 'verify', url, repository, digest, bucket });
    },
  };
}
