// Images made of bytes alone, without any tool: manifests and blobs with right digests, and OCI layouts of them.
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

export type Algorithm = 'sha256' | 'sha512';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: string; readonly os: string };
}

export interface SampleImage {
  readonly manifest: Uint8Array;
  readonly descriptor: Descriptor;
  /** The configuration and the layers by digest. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

export interface SampleIndex {
  readonly manifest: Uint8Array;
  readonly descriptor: Descriptor;
  readonly images: readonly SampleImage[];
}

export const mediaTypes = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const;

export function digestOf(content: Uint8Array, algorithm: Algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(content).digest('hex')}`;
}

/**
 * An image of one layer that holds one file. The same text makes the same bytes.
 * @param format `docker` names Docker's media types instead of OCI's
 */
export function makeImage(
  text: string,
  options: { architecture?: string; algorithm?: Algorithm; format?: 'oci' | 'docker' } = {},
): SampleImage {
  const { architecture = 'amd64', algorithm = 'sha256', format = 'oci' } = options;
  const archive = tarOfOneFile('content.txt', Buffer.from(text));
  const layer = gzipSync(archive);
  const config = encode({
    architecture,
    os: 'linux',
    config: { Env: ['PATH=/bin'], Cmd: ['/bin/sh'] },
    rootfs: { type: 'layers', diff_ids: [digestOf(archive)] },
    history: [{ created_by: 'berth test' }],
  });
  const docker = format === 'docker';
  const mediaType = docker ? mediaTypes.dockerManifest : mediaTypes.manifest;
  const configType = docker ? mediaTypes.dockerConfig : mediaTypes.config;
  const manifest = encode({
    schemaVersion: 2,
    mediaType,
    config: describe(config, configType, algorithm),
    layers: [describe(layer, docker ? mediaTypes.dockerLayer : mediaTypes.layer, algorithm)],
  });
  return {
    manifest,
    descriptor: {
      ...describe(manifest, mediaType, algorithm),
      platform: { architecture, os: 'linux' },
    },
    blobs: new Map([config, layer].map((content) => [digestOf(content, algorithm), content])),
  };
}

export function makeIndex(images: readonly SampleImage[], algorithm: Algorithm = 'sha256'): SampleIndex {
  const manifest = encode({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: images.map((image) => image.descriptor),
  });
  return { manifest, descriptor: describe(manifest, mediaTypes.index, algorithm), images };
}

/** Writes an OCI image layout (image-spec, image-layout.md) that names the index by the reference. */
export async function writeLayout(directory: string, reference: string, index: SampleIndex): Promise<void> {
  const blobs = join(directory, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const contents = [index.manifest];
  for (const image of index.images) contents.push(image.manifest, ...image.blobs.values());
  for (const content of contents)
    await writeFile(join(blobs, digestOf(content).slice('sha256:'.length)), content);
  const annotations = { 'org.opencontainers.image.ref.name': reference };
  const entry = { ...index.descriptor, annotations };
  await writeFile(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
}

function describe(content: Uint8Array, mediaType: string, algorithm: Algorithm): Descriptor {
  return { mediaType, digest: digestOf(content, algorithm), size: content.length };
}

function encode(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/** A ustar archive: one header block, the content in blocks of 512 bytes, two empty blocks. */
function tarOfOneFile(name: string, content: Uint8Array): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        0', 148);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)]);
}
