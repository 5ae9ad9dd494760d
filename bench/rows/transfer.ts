// What pushes and pulls of blobs have in common: how much is moved, and in which units it is told.
import type { Metric, Readings } from './row.ts';

export interface Transfer {
  readonly title: string;
  readonly streams: number;
  readonly blobBytes: number;
}

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

export function transferMetrics(name: string, title: string): readonly Metric[] {
  return [
    { name, title, unit: 'MiB/s', better: 'more' },
    { name: `${name}.cpu`, title: `${title}: processor time`, unit: 's/GiB', better: 'less' },
  ];
}

export function perGib(
  name: string,
  bytes: number,
  seconds: number,
  cpuSeconds: number | undefined,
): Readings {
  return {
    [name]: bytes / MIB / seconds,
    [`${name}.cpu`]: cpuSeconds === undefined ? undefined : cpuSeconds / (bytes / GIB),
  };
}

/** `1 GiB`, `32 MiB`; the size is a whole number of MiB. */
export function formatSize(bytes: number): string {
  return bytes % GIB === 0 ? `${bytes / GIB} GiB` : `${bytes / MIB} MiB`;
}
