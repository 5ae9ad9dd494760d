// Small images, made before the clock runs and pushed as docker does: for each layer and the configuration a HEAD that
// finds nothing, then POST, PATCH, PUT; at the end the manifest.
import { randomBytes } from 'node:crypto';
import type { Connection } from './connection.ts';
import { type PreparedBlob, prepareSmallBlob, sha256 } from './content.ts';
import { checkReported, pushBlob } from './push.ts';

export interface PreparedImage {
  readonly tag: string;
  /** The layers, and the configuration last. */
  readonly blobs: readonly PreparedBlob[];
  readonly manifest: Uint8Array;
  readonly manifestDigest: string;
}

export const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';

const CONFIGURATION_TYPE = 'application/vnd.docker.container.image.v1+json';
const LAYER_TYPE = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
const LAYER_BYTES: readonly number[] = [9_216, 10_240, 11_264, 12_288];

/** An image of four layers of some 10 KiB, like no other. */
export function prepareImage(tag: string): PreparedImage {
  const layers = LAYER_BYTES.map((size) => prepareSmallBlob(randomBytes(size)));
  const configuration = prepareSmallBlob(
    Buffer.from(
      JSON.stringify({
        architecture: 'amd64',
        os: 'linux',
        created: '2026-01-01T00:00:00Z',
        config: { Env: ['PATH=/usr/bin:/bin'], Cmd: ['/bin/sh'] },
        rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
        history: layers.map(() => ({ created: '2026-01-01T00:00:00Z', created_by: 'COPY . /' })),
      }),
    ),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: { mediaType: CONFIGURATION_TYPE, size: configuration.size, digest: configuration.digest },
      layers: layers.map(({ size, digest }) => ({ mediaType: LAYER_TYPE, size, digest })),
    }),
  );
  return { tag, blobs: [...layers, configuration], manifest, manifestDigest: sha256(manifest) };
}

/** Throws `WrongAnswer`. */
export async function pushImage(
  connection: Connection,
  repository: string,
  { blobs, manifest, manifestDigest, tag }: PreparedImage,
): Promise<void> {
  for (const blob of blobs) {
    await connection.exchange({
      method: 'HEAD',
      target: `/v2/${repository}/blobs/${blob.digest}`,
      status: 404,
    });
    await pushBlob(connection, repository, blob);
  }
  await pushManifest(connection, repository, tag, manifest, manifestDigest);
}

/** PUT of a manifest under a tag. Throws `WrongAnswer`. */
export async function pushManifest(
  connection: Connection,
  repository: string,
  tag: string,
  manifest: Uint8Array,
  expectedDigest: string,
): Promise<void> {
  const answer = await connection.exchange({
    method: 'PUT',
    target: `/v2/${repository}/manifests/${tag}`,
    headers: { 'Content-Type': MANIFEST_TYPE, 'Content-Length': String(manifest.length) },
    body: [manifest],
    status: 201,
  });
  checkReported(answer.headers, expectedDigest);
}
