// Small questions over and over on many connections: how many a second, and how long the slow ones take.
import type { Load } from '../load/client.ts';
import { MANIFEST_TYPE } from '../load/image.ts';
import { withCost } from '../processes.ts';
import type { Sizes } from '../sizes.ts';
import type { Target } from '../targets.ts';
import { runWrk } from '../wrk.ts';
import type { Row } from './row.ts';

/** What one row asks for, and of what. */
export interface RequestKind {
  readonly name: string;
  readonly title: string;
  /** How many tags the repository has. */
  readonly tags: number;
  /** The path below `/v2/`, from the repository and what was pushed to it. */
  path(repository: string, pushed: Pushed): string;
  /** Of how many at once, where it is not the usual number. */
  readonly connections?: number;
  /** Known length of the answer's body. */
  readonly bodyBytes?: number;
}

export interface Pushed {
  readonly tag: string;
  readonly manifest: string;
  readonly blob: string;
}

export function createRequestsRow(load: Load, sizes: Sizes, kind: RequestKind): Row {
  const { name, title } = kind;
  const { requestSeconds } = sizes;
  const { connections = sizes.connections } = kind;
  const repository = `bench/${name}`;
  const tags = Array.from({ length: kind.tags }, (_, index) => `v1.0.${String(index).padStart(3, '0')}`);
  const pushedTo = new Map<Target, Pushed>();
  const ask = (target: Target, seconds: number) => {
    const pushed = pushedTo.get(target);
    if (pushed === undefined) throw new Error(`${name} was not prepared for ${target.name}`);
    return runWrk({
      url: target.url,
      path: `/v2/${kind.path(repository, pushed)}`,
      accept: MANIFEST_TYPE,
      bodyBytes: kind.bodyBytes,
      connections,
      seconds,
    });
  };
  return {
    name,
    metrics: [
      { name, title, unit: 'requests/s', better: 'more' },
      { name: `${name}.p99`, title: `${title}: p99 of ${connections}`, unit: 'ms', better: 'less' },
      { name: `${name}.cpu`, title: `${title}: processor time`, unit: 'µs/request', better: 'less' },
    ],
    prepare: async (target) => {
      const { digests } = await load.run({
        kind: 'tags',
        url: target.url,
        repository,
        tags,
        blobSize: sizes.smallBlobBytes,
      });
      const [manifest = '', blob = ''] = digests;
      pushedTo.set(target, { tag: tags[0] ?? '', manifest, blob });
      await ask(target, 1);
    },
    measure: async (target) => {
      const { result, cpuSeconds } = await withCost(target.pid, () => ask(target, requestSeconds));
      return {
        [name]: result.perSecond,
        [`${name}.p99`]: result.p99Ms,
        [`${name}.cpu`]: cpuSeconds === undefined ? undefined : (cpuSeconds * 1e6) / result.requests,
      };
    },
    verify: async (target) => {
      const digest = pushedTo.get(target)?.blob ?? '';
      await load.run({ kind: 'verify', url: target.url, repository, digest });
    },
  };
}
