// Many small images pushed at once: what a build farm does, and where the number of syncs counts.
import { settleDisk } from '../disk.ts';
import type { Load } from '../load/client.ts';
import { withCost } from '../processes.ts';
import type { Sizes } from '../sizes.ts';
import type { Target } from '../targets.ts';
import type { Row } from './row.ts';

export function createImagesRow(load: Load, { images, imagesAtOnce }: Sizes): Row {
  const name = 'images';
  const title = `small images pushed, ${imagesAtOnce} at once`;
  const push = (target: Target, tag: string, count: number) =>
    load.run({
      kind: 'images',
      url: target.url,
      repository: `bench/${name}`,
      tag,
      count,
      atOnce: imagesAtOnce,
    });
  return {
    name,
    metrics: [
      { name, title, unit: 'images/s', better: 'more' },
      { name: `${name}.cpu`, title: `${title}: processor time`, unit: 'ms/image', better: 'less' },
    ],
    // Of a push less is done again and again than of other rows: a server that compiles what it runs often is warm only after a round.
    prepare: async (target) => {
      await push(target, 'prepare', images);
    },
    measure: async (target, round) => {
      await settleDisk();
      const { result, cpuSeconds } = await withCost(target.pid, () => push(target, `round-${round}`, images));
      return {
        [name]: images / result.seconds,
        [`${name}.cpu`]: cpuSeconds === undefined ? undefined : (cpuSeconds * 1000) / images,
      };
    },
  };
}
