// Blobs pushed at once, as docker pushes a layer.
import { warmDisk } from '../disk.ts';
import { measureLimit } from '../limit.ts';
import type { Load } from '../load/client.ts';
import { withCost } from '../processes.ts';
import type { Target } from '../targets.ts';
import type { Metric, Row } from './row.ts';
import { perGib, type Transfer, transferMetrics } from './transfer.ts';

/** `withLimit`: compared with the machine itself, which says something of one stream to its disk and of nothing else. */
export function createPushRow(
  load: Load,
  name: string,
  { title, streams, blobBytes }: Transfer,
  withLimit = false,
): Row {
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
    metrics: [...transferMetrics(name, `push, ${title}`), ...(withLimit ? [limitMetric(name, title)] : [])],
    onBuckets: true,
    prepare: async (target) => {
      const { digests } = await push(target, blobBytes / 4, `${name} prepare`);
      await target.discardBlobs?.(digests);
    },
    measure: async (target, round) => {
      await warmDisk(target.directory, bytes);
      const limit = withLimit ? await measureLimit(target.directory, bytes) : 0;
      const { result, cpuSeconds } = await withCost(target.pid, () =>
        push(target, blobBytes, `${name} ${round}`),
      );
      await target.discardBlobs?.(result.digests);
      return {
        ...perGib(name, bytes, result.seconds, cpuSeconds),
        [`${name}.limit`]: limit > 0 ? result.seconds / limit : undefined,
      };
    },
  };
}

function limitMetric(name: string, title: string): Metric {
  const what = 'time against the slower of sha256sum and dd conv=fsync';
  return { name: `${name}.limit`, title: `push, ${title}: ${what}`, unit: 'times', better: 'less' };
}
