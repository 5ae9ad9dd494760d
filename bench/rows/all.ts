// Every row, in the order of the table.
import type { Load } from '../load/client.ts';
import type { Sizes } from '../sizes.ts';
import type { StoreKind } from '../stores/store.ts';
import { createImagesRow } from './images.ts';
import { createPullRow } from './pull.ts';
import { createPushRow } from './push.ts';
import { createRequestsRow, type RequestKind } from './requests.ts';
import type { Row } from './row.ts';
import { createStartRow } from './start.ts';
import { createTokenRow } from './token.ts';
import { formatSize, type Transfer } from './transfer.ts';

/** What is measured on S3 without `--rows`, apart from memory, in this order. */
const BUCKET_ROWS = ['images', 'manifest-by-tag', 'small-blob', 'push', 'pull'];

/** What is measured on a store without `--rows`, apart from memory. */
export function usualRows(store: StoreKind, rows: readonly Row[]): readonly Row[] {
  if (store === 'directory') return rows;
  return BUCKET_ROWS.flatMap((name) => rows.filter((row) => row.name === name));
}

/**
 * Which rows take turns. On S3 none do: for minutes after large objects have gone, the gateway is busy freeing their space,
 * and small requests take several times as long.
 */
export function groupRows(store: StoreKind, rows: readonly Row[]): readonly (readonly Row[])[] {
  return store === 'directory' ? [rows] : rows.map((row) => [row]);
}

/** `withWrk`: the rows that count requests are only there if wrk is. */
export function createRows(
  load: Load,
  sizes: Sizes,
  { withWrk, store }: { readonly withWrk: boolean; readonly store: StoreKind },
): readonly Row[] {
  const { largeBlobBytes, streams, streamBlobBytes } = sizes;
  const one: Transfer = {
    title: `one blob of ${formatSize(largeBlobBytes)}`,
    streams: 1,
    blobBytes: largeBlobBytes,
  };
  const several: Transfer = {
    title: `${streams} blobs of ${formatSize(streamBlobBytes)} at once`,
    streams,
    blobBytes: streamBlobBytes,
  };
  return [
    createPushRow(load, 'push', one, store === 'directory'),
    createPullRow(load, 'pull', one),
    createPushRow(load, 'push-many', several),
    createPullRow(load, 'pull-many', several),
    createImagesRow(load, sizes),
    ...(withWrk ? requestKinds(sizes).map((kind) => createRequestsRow(load, sizes, kind)) : []),
    ...(withWrk ? [createTokenRow(load, sizes)] : []),
    createStartRow(),
  ];
}

function requestKinds({ tags, smallBlobBytes, crowd }: Sizes): readonly RequestKind[] {
  return [
    {
      name: 'manifest-by-tag',
      title: 'manifest by tag',
      tags: 1,
      path: (repository, { tag }) => `${repository}/manifests/${tag}`,
    },
    {
      name: 'crowd',
      title: `manifest by tag, ${crowd} connections`,
      tags: 1,
      connections: crowd,
      path: (repository, { tag }) => `${repository}/manifests/${tag}`,
    },
    {
      name: 'manifest-by-digest',
      title: 'manifest by digest',
      tags: 1,
      path: (repository, { manifest }) => `${repository}/manifests/${manifest}`,
    },
    {
      name: 'small-blob',
      title: `blob of ${smallBlobBytes / 1024} KiB`,
      tags: 1,
      path: (repository, { blob }) => `${repository}/blobs/${blob}`,
      bodyBytes: smallBlobBytes,
    },
    { name: 'base', title: 'GET /v2/', tags: 1, path: () => '' },
    {
      name: 'tags',
      title: `list of ${tags} tags`,
      tags,
      path: (repository) => `${repository}/tags/list`,
    },
  ];
}
